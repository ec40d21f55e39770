"""Defends checkpoints as they are stored: whatever their precision, they answer, take adapters and are merged; what
cannot be used says what to choose."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from playground.adapters.merge.__main__ import merge
from playground.engine.llm_engine import LLMEngine
from playground.errors import ModelError
from playground.models.loader import LoadedModel, load_model
from playground.models.quantized_cache import QuantizedCache
from playground.models.stored import unpacking
from playground.models.stored.original import original_of
from tests.engine.sequential.families import FAMILIES, make_family
from tests.models.stored.adapters import adapter_for
from tests.models.stored.checkpoints import make_seeing, pack_fp8, pack_mxfp4, tell_packing
from tests.support.asking import greedy
from tests.support.tiny import make_adapter, make_llama

IDS = torch.tensor([[70, 81, 73, 223]])
FP4 = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0])


@torch.inference_mode()
def logits(loaded: LoadedModel) -> torch.Tensor:
    found: torch.Tensor = loaded.model(IDS).logits.float()
    return found


def answer(loaded: LoadedModel, **fields: Any) -> str:
    engine = LLMEngine(loaded)
    try:
        return engine.submit(greedy(loaded.tokenizer, most=12, **fields)).result(60).text
    finally:
        engine.close()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_any_dtype_is_the_same_model(dtype: torch.dtype, tmp_path: Path) -> None:
    folder = make_llama(tmp_path / "model")
    weights = {name: value.to(torch.bfloat16) for name, value in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    wanted = logits(load_model(str(folder), "none"))
    save_file({name: one.to(dtype) for name, one in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    assert torch.equal(logits(load_model(str(folder), "none")), wanted)


@pytest.mark.parametrize("name", ["llama", "qwen3_moe"])
def test_fp8_is_unpacked(name: str, tmp_path: Path) -> None:
    folder = make_family(name, tmp_path / "model", FAMILIES[name])
    exact = logits(load_model(str(folder), "none"))
    pack_fp8(folder)
    loaded = load_model(str(folder), "none")
    assert (loaded.info.quantization, loaded.model.dtype) == ("none", torch.float32)
    assert torch.nn.functional.cosine_similarity(logits(loaded).flatten(), exact.flatten(), 0) > 0.95
    weights = load_file(folder / "model.safetensors")
    packed = weights["model.layers.0.self_attn.q_proj.weight"].float()
    scales = weights["model.layers.0.self_attn.q_proj.weight_scale_inv"]
    full = packed * scales.repeat_interleave(32, 0).repeat_interleave(32, 1)
    assert torch.equal(loaded.model.model.layers[0].self_attn.q_proj.weight, full.bfloat16().float())


def test_fp8_is_quantized_as_any_other(tmp_path: Path) -> None:
    folder = make_llama(tmp_path / "model")
    pack_fp8(folder)
    loaded = load_model(str(folder), "auto")
    assert loaded.info.precision == "4-bit"
    assert type(loaded.model.model.layers[0].self_attn.q_proj).__name__ == "Linear4bit"
    adapter = make_plain_adapter(folder, tmp_path)
    engine = LLMEngine(loaded)
    try:
        receipt = engine.load_adapter("taught", adapter)
        assert receipt.base_unchanged
        assert receipt.max_logit_change > 0
    finally:
        engine.close()


def test_mxfp4_is_unpacked(tmp_path: Path) -> None:
    folder = make_family("gpt_oss", tmp_path / "model", FAMILIES["gpt_oss"])
    pack_mxfp4(folder)
    blocks = load_file(folder / "model.safetensors")["model.layers.0.mlp.experts.down_proj_blocks"]
    loaded = load_model(str(folder), "none")
    halves = torch.stack([blocks & 15, blocks >> 4], -1).long()
    values = FP4[halves & 7] * (1 - 2 * (halves >> 3)) / 8  # a scale of 124 stands for 2 to the power of -3
    full = values.flatten(2).transpose(1, 2)
    assert torch.equal(loaded.model.model.layers[0].mlp.experts.down_proj, full)
    assert answer(loaded)


def test_too_little_memory_to_unpack_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_llama(tmp_path / "model")
    pack_fp8(folder)
    monkeypatch.setattr(unpacking, "free_beside", lambda: 1000)
    with pytest.raises(ModelError, match=r"stored as FP8, takes 0\.\d GB of memory for a while, and 0\.0 GB are free"):
        load_model(str(folder))


def make_plain_adapter(folder: Path, tmp_path: Path) -> Path:
    """An adapter, made on the same model without how it is packed."""
    plain = shutil.copytree(folder, tmp_path / "plain")
    config = json.loads((plain / "config.json").read_text())
    config.pop("quantization_config", None)
    (plain / "config.json").write_text(json.dumps(config))
    return make_adapter(plain, tmp_path / "adapter")


@pytest.mark.parametrize("double", [False, True], ids=["single", "double"])
@pytest.mark.parametrize("name", ["llama", "gemma3"])
def test_shared_in_4_bits_is_used_as_it_is(name: str, double: bool, tmp_path: Path) -> None:
    """As the repositories whose names end in -bnb-4bit: a publisher's own choice of layers, and of scales."""
    made = make_llama(tmp_path / "made") if name == "llama" else make_seeing(name, tmp_path / "made")
    trunk = "model" if name == "llama" else "model.language_model"
    four_bits = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_use_double_quant=double,
        llm_int8_skip_modules=["lm_head", "vision_tower", "multi_modal_projector", f"{trunk}.layers.1.mlp"],
    )
    kind = AutoModelForCausalLM  # of gemma3 it makes the whole
    published = kind.from_pretrained(made, quantization_config=four_bits, dtype=torch.bfloat16)
    folder = tmp_path / "stored"
    published.save_pretrained(folder)
    for path in made.glob("*token*"):
        shutil.copy(path, folder)
    loaded = load_model(str(folder), "auto")
    assert loaded.info.precision == "4-bit"
    assert type(loaded.model.model.layers[1].mlp.up_proj) is torch.nn.Linear
    assert type(loaded.model.model.layers[0].mlp.up_proj).__name__ == "Linear4bit"
    close = torch.nn.functional.cosine_similarity(
        logits(loaded).flatten(), logits(load_model(str(made), "none")).flatten(), 0
    )
    assert close > 0.8
    adapter = make_adapter(tmp_path / "stored", tmp_path / "adapter") if name == "llama" else None
    engine = LLMEngine(loaded)
    try:
        plain = engine.submit(greedy(loaded.tokenizer, most=12)).result(60).text
        assert plain
        if adapter:
            receipt = engine.load_adapter("taught", adapter)
            assert receipt.base_unchanged
            assert engine.submit(greedy(loaded.tokenizer, most=12, adapter="taught")).result(60).text != plain
    finally:
        engine.close()


def test_quantized_weights_of_a_part_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playground.models.quantized_cache.MIN_PARAMETERS", 0)
    folder = make_seeing("gemma3", tmp_path / "model")
    cache = QuantizedCache(tmp_path / "quantized")
    made = logits(load_model(str(folder), "4bit", cache=cache))
    assert len(cache.newest()) == 1
    assert torch.equal(logits(load_model(str(folder), "4bit", cache=cache)), made)


@pytest.mark.parametrize("name", ["llama in fp8", "qwen3_moe in fp8", "gemma3", "llava"])
def test_an_adapter_is_worked_into_it(name: str, tmp_path: Path) -> None:
    """The whole model that comes of it answers as the adapter does on its base."""
    family, _, packed = name.partition(" in ")
    folder = tmp_path / "model"
    if packed:
        make_family(family, folder, FAMILIES[family])
        pack_fp8(folder)
    else:
        make_seeing(family, folder)
    loaded = load_model(str(folder), "none")
    adapter = tmp_path / "adapter"
    adapter_for(loaded, adapter)
    adapted = PeftModel.from_pretrained(loaded.model, adapter)
    with torch.inference_mode():
        wanted = adapted(IDS).logits.float()
    merge(folder, adapter, tmp_path / "merged.zip")
    with zipfile.ZipFile(tmp_path / "merged.zip") as archive:
        archive.extractall(tmp_path / "merged")
    found = logits(load_model(str(tmp_path / "merged"), "none"))
    assert torch.nn.functional.cosine_similarity(found.flatten(), wanted.flatten(), 0) > 0.999


@pytest.mark.parametrize(
    ("name", "original"),
    [
        ("Qwen/Qwen2.5-7B-Instruct-AWQ", "Qwen/Qwen2.5-7B-Instruct"),
        ("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4", "Qwen/Qwen2.5-7B-Instruct"),
        ("someone/model-w4a16", "someone/model"),
        ("someone/other", "its unquantized version"),
    ],
)
def test_the_original_is_named_where_it_can_be_known(name: str, original: str) -> None:
    assert f"Choose {original}:" in str(original_of(name, "gptq"))


def test_a_card_names_the_original(tmp_path: Path) -> None:
    folder = make_llama(tmp_path / "model")
    tell_packing(folder, {"quant_method": "gptq", "bits": 4})
    (folder / "README.md").write_text("---\nlicense: mit\nbase_model:\n- someone/the-original\n---\n# It\n")
    with pytest.raises(ModelError, match=r"\(gptq\).*Choose someone/the-original: it is quantized here"):
        load_model(str(folder))
