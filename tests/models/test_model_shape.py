"""Sizes computed from a config.json are those of the model itself."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma3TextConfig, LlamaConfig, Qwen2Config, Qwen3Config

from playground.models.loader import load_model
from playground.models.model_shape import ModelShape, shape_of
from tests.support.tiny import make_llama

SIZES: dict[str, Any] = {
    "vocab_size": 1000,
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}
CONFIGS = {
    "llama": lambda: LlamaConfig(**SIZES, tie_word_embeddings=False),
    "tied": lambda: LlamaConfig(**SIZES, tie_word_embeddings=True),
    "qwen2": lambda: Qwen2Config(**SIZES, tie_word_embeddings=True),
    "qwen3, wide heads": lambda: Qwen3Config(**SIZES, head_dim=64, tie_word_embeddings=True),
    "gemma3": lambda: Gemma3TextConfig(**SIZES, head_dim=64),
}
SMOLLM2 = ModelShape(134_515_008, 49152, 576, 30, 3, 64, True)


@pytest.mark.parametrize("name", CONFIGS)
def test_parameters_are_counted_as_the_model_has_them(name: str) -> None:
    """Defends the size of a model that nobody described: norms and biases alone may be missing."""
    config = CONFIGS[name]()
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    shape = shape_of(config.to_dict(), None)
    assert shape is not None
    assert shape.num_parameters == pytest.approx(model.num_parameters(), rel=0.005)
    linear = [m for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and n != "lm_head"]
    assert shape.linear_parameters == pytest.approx(sum(m.weight.numel() for m in linear), rel=0.01)
    sides = sum(m.in_features + m.out_features for m in linear)
    assert shape.adapter_bytes() == pytest.approx(16 * 4 * sides, rel=0.01)


MIXTRAL = {"num_local_experts": 8, "num_experts_per_tok": 2, "intermediate_size": 14336, "hidden_size": 4096}
QWEN3_MOE = {"num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 768, "hidden_size": 2048}
GPT_OSS = {"num_local_experts": 32, "experts_per_token": 4, "intermediate_size": 2880, "hidden_size": 2880}


@pytest.mark.parametrize(
    ("own", "layers", "vocab", "whole", "used"),
    [
        (MIXTRAL, 32, 32000, 46.7e9, 12.9e9),
        (QWEN3_MOE, 48, 151936, 30.5e9, 3.3e9),
        (GPT_OSS, 24, 201088, 20.9e9, 3.6e9),
    ],
    ids=["Mixtral 8x7B", "Qwen3 30B A3B", "gpt-oss 20b"],
)
def test_experts_are_counted_as_they_are_held(
    own: dict[str, int], layers: int, vocab: int, whole: float, used: float
) -> None:
    """Defends the panel: 4-bit kernels take linear layers alone, and most of such a model are experts. `used` is what
    the publishers say that a token goes through; gpt-oss's leaves its input embedding out."""
    sizes = {"vocab_size": vocab, "num_hidden_layers": layers, "num_attention_heads": 32, "head_dim": 128}
    shape = shape_of(sizes | {"tie_word_embeddings": False, "intermediate_size": 6144} | own, int(whole))
    assert shape is not None
    others = whole - shape.expert_parameters
    through = others + shape.expert_parameters * shape.experts_a_token
    assert through - vocab * own["hidden_size"] * ("experts_per_token" in own) == pytest.approx(used, rel=0.05)
    assert shape.weights_bytes("4bit") > 2 * shape.expert_parameters
    assert shape.bytes_a_token("4bit") < 2 * used


def test_parameters_of_llama_are_exact() -> None:
    config = CONFIGS["llama"]()
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    shape = shape_of(config.to_dict(), None)
    assert shape is not None
    assert shape.num_parameters == model.num_parameters()


@pytest.mark.parametrize("quantization", ["4bit", "none"])
def test_weights_take_what_a_loaded_model_takes(tmp_path: Path, quantization: Any) -> None:
    """With the scales of 4-bit layers, which no parameter holds."""
    folder = make_llama(tmp_path / "wide", width=256)
    config = json.loads((folder / "config.json").read_text())
    shape = shape_of(config, None)
    loaded = load_model(str(folder), quantization)
    parameters = list(loaded.model.parameters())
    states = [state for one in parameters if (state := getattr(one, "quant_state", None)) is not None]
    held = sum(one.nbytes for one in parameters) + sum(state.absmax.nbytes for state in states)
    width = loaded.model.get_input_embeddings().weight.dtype.itemsize
    assert shape is not None
    assert shape.weights_bytes(quantization, width) == pytest.approx(held, rel=0.02)


def test_known_sizes_of_the_bundled_model() -> None:
    """By hand: 106,203,456 weights in layers and 28,311,552 in the table."""
    assert SMOLLM2.linear_parameters == 106_203_456
    assert SMOLLM2.weights_bytes("4bit", 4) == 106_203_456 * 9 // 16 + 4 * 28_311_552
    assert SMOLLM2.weights_bytes("8bit") == 106_203_456 + 2 * 28_311_552
    assert SMOLLM2.weights_bytes("none") == 2 * 134_515_008
    assert SMOLLM2.weights_bytes("auto") == SMOLLM2.weights_bytes("4bit")
    assert SMOLLM2.cache_bytes(4096, 2) == 2 * 30 * 3 * 64 * 4096 * 2


def test_a_token_reads_the_head_but_not_the_embedding() -> None:
    """A tied table is read once as the head; of an untied pair only the head."""
    untied = ModelShape(134_515_008 + 28_311_552, 49152, 576, 30, 3, 64, False)
    assert SMOLLM2.bytes_a_token("4bit") == SMOLLM2.weights_bytes("4bit")
    assert untied.bytes_a_token("4bit") == SMOLLM2.bytes_a_token("4bit")
    assert SMOLLM2.bytes_a_token("4bit", 4) == 2 * 134_515_008  # copies in fp16


def test_a_part_for_text_is_found_inside() -> None:
    inner = SIZES | {"model_type": "qwen3", "head_dim": 64}
    whole = {"model_type": "some_vl", "text_config": inner, "tie_word_embeddings": False}
    assert shape_of(whole, None) == shape_of(inner | {"tie_word_embeddings": False}, None)


def test_older_configs_tell_less() -> None:
    """Head width and key-value heads follow from the others; gpt2 has names of its own."""
    shape = shape_of({"vocab_size": 50257, "n_embd": 768, "n_layer": 12, "n_head": 12}, 124_439_808)
    assert shape == ModelShape(124_439_808, 50257, 768, 12, 12, 64, True)
    told = shape_of(SIZES | {"tie_word_embeddings": None}, 10**6)  # as JSON's null
    assert told is not None
    assert told.tied


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"text_config": None},
        SIZES | {"hidden_size": "128"},
        SIZES | {"num_hidden_layers": 0},
        SIZES | {"vocab_size": True},
        SIZES,
        SIZES | {"model_type": "gpt_neox"},
    ],
    ids=str,
)
def test_what_is_not_told_is_not_guessed(config: dict[str, Any]) -> None:
    """Holes, nonsense, and layers that cannot be counted because nobody says how they are built."""
    assert shape_of(config, None) is None
