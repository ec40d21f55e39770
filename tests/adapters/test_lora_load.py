"""An adapter's weights arrive as they were trained; what this model cannot use as it is is refused with the reason."""

import shutil
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModelForCausalLM

from playground.adapters.check import WEIGHTS, check_folder
from playground.adapters.lora_load import load_lora
from playground.adapters.merge.deltas import get_delta_weight
from playground.engine.llm_engine import LLMEngine
from playground.errors import AdapterError
from playground.models.tokenizer import ChatTokenizer
from tests.support.asking import greedy
from tests.support.tiny import damage, make_adapter, make_llama


def test_the_same_change_as_in_peft(tiny_model_folder: Path, adapters: list[Path]) -> None:
    """Each layer's change of its weight is the one that PEFT computes."""
    peft = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_model_folder), adapters[0])
    loaded = load_lora(adapters[0], check_folder(adapters[0]))
    assert loaded.layers
    for name, weights in loaded.layers.items():
        assert {weights.A.dtype, weights.B.dtype} == {torch.float32}
        delta = get_delta_weight(weights, nn.Linear(1, 1))
        expected = peft.base_model.model.get_submodule(name).get_delta_weight("default")
        torch.testing.assert_close(delta.left @ delta.right, expected)


def test_names_and_types_as_trainers_save_them(adapters: list[Path], tmp_path: Path) -> None:
    """Weights in bf16 with PEFT's adapter name in them arrive in fp32, none of them changed."""
    folder = shutil.copytree(adapters[0], tmp_path / "bf16")
    saved = {name: side.bfloat16() for name, side in load_file(folder / WEIGHTS).items()}
    save_file({name.replace(".weight", ".default.weight"): side for name, side in saved.items()}, folder / WEIGHTS)
    for module, weights in load_lora(folder, check_folder(folder)).layers.items():
        for side, found in (("A", weights.A), ("B", weights.B)):
            assert found.dtype == torch.float32
            assert found.equal(saved[f"base_model.model.{module}.lora_{side}.weight"].float())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("nan", "NaN"),
        ("shape", "another model"),
        ("half", "not a pair"),
        ("layer", "no layer"),
        ("embedding", "not a LoRA weight"),
        ("empty", "no weights"),
        ("pickle", "foreign code"),
        ('{"use_dora": true}', "DoRA"),
        ('{"modules_to_save": ["lm_head"]}', "modules_to_save"),
        ('{"bias": "all"}', "biases"),
        ('{"task_type": "SEQ_CLS"}', "SEQ_CLS"),
        ('{"peft_type": "IA3"}', "IA3"),
        ('{"r": 8}', "rank"),
        ('{"lora_alpha": null}', "lora_alpha"),
        ('{"rank_pattern": {"(a+": 4}}', "regular expression"),
    ],
)
def test_refuses_with_the_reason(
    engine: LLMEngine, tokenizer: ChatTokenizer, adapters: list[Path], tmp_path: Path, change: str, says: str
) -> None:
    """What cannot be used as it is is refused in words, and nothing has changed."""
    with pytest.raises(AdapterError, match=says):
        engine.load_adapter("bad", damage(tmp_path / "bad", adapters[0], change))
    assert engine.status().adapters_resident == ()
    with pytest.raises(AdapterError, match="bad"):
        engine.submit(greedy(tokenizer, adapter="bad"))
    assert engine.load_adapter("bad", adapters[0]).base_unchanged


def test_refuses_an_adapter_that_overflows(engine: LLMEngine, adapters: list[Path], tmp_path: Path) -> None:
    """Finite weights that make the logits overflow are found by the canaries, and the adapter is dropped."""
    folder = damage(tmp_path / "huge", adapters[0], "huge")
    with pytest.raises(AdapterError, match="overflow"):
        engine.load_adapter("huge", folder)
    assert engine.status().adapters_resident == ()


def test_refuses_a_wider_models_adapter(engine: LLMEngine, tmp_path: Path) -> None:
    """An adapter of a model with other widths is told apart by its shapes."""
    wide = make_llama(tmp_path / "wide", width=128)
    with pytest.raises(AdapterError, match=r"another model.*64"):
        engine.load_adapter("wide", make_adapter(wide, tmp_path / "adapter"))
