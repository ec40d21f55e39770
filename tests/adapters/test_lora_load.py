"""Adapters that this model cannot use as they are are refused, with the reason."""

from pathlib import Path

import pytest

from playground.engine.llm_engine import LLMEngine
from playground.errors import AdapterError
from playground.models.tokenizer import ChatTokenizer
from tests.asking import greedy
from tests.tiny import damage, make_adapter, make_llama


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
        ('{"rank_pattern": {"(a+)+": 4}}', "rank_pattern"),
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
