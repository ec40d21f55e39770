"""The decoder of few operations computes what transformers' own code does, for each model of the family."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
)

from playground.engine.forward_batch import ForwardBatch, PrefillChunk, ScoringRows
from playground.engine.kv_cache import KVCache
from playground.engine.layers.executor import executor_of

SIZES: dict[str, Any] = {
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.2,
    "pad_token_id": 0,
}
LONG_ROPE = {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
MODELS: dict[str, Callable[[], PretrainedConfig]] = {
    "llama": lambda: LlamaConfig(**SIZES),
    "with biases": lambda: LlamaConfig(**SIZES, attention_bias=True, mlp_bias=True, tie_word_embeddings=True),
    "stretched positions": lambda: LlamaConfig(
        **SIZES, rope_parameters=LONG_ROPE | {"original_max_position_embeddings": 16}
    ),
    "qwen2": lambda: Qwen2Config(**SIZES),
    "qwen2, sliding": lambda: Qwen2Config(**SIZES, use_sliding_window=True, sliding_window=6, max_window_layers=2),
    "qwen3": lambda: Qwen3Config(**SIZES, head_dim=32),
    "mistral": lambda: MistralConfig(**SIZES, head_dim=16, sliding_window=6),
    "smollm3": lambda: SmolLM3Config(**SIZES, no_rope_layer_interval=2),
}
TEXT = torch.randint(3, 300, (24,), generator=torch.Generator().manual_seed(3)).tolist()


@pytest.mark.parametrize("name", MODELS)
@torch.inference_mode()
def test_reads_and_writes_as_the_models_own_code(name: str) -> None:
    """A prompt in two parts, then token by token, and a scored row: the logits of transformers alone."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(MODELS[name](), attn_implementation="eager").eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.01 * torch.randn_like(parameter)  # norms and biases that are not what they begin as
    wanted = model(input_ids=torch.tensor([TEXT])).logits[0]
    executor = executor_of(model)
    assert executor.decoder is not None
    assert executor_of(model) is executor
    kv_cache = KVCache()
    parts = [PrefillChunk(0, 0, TEXT[:7]), PrefillChunk(0, 7, TEXT[7:16])]
    for part in parts:
        seen = ForwardBatch(kv_cache, prefill=[part]).run(model).prefill[0]
        assert torch.allclose(seen, wanted[part.start + part.num_tokens - 1], atol=2e-4)
    for at in range(16, 20):
        seen = ForwardBatch(kv_cache, [TEXT[at]], [at]).run(model).decode[0]
        assert torch.allclose(seen, wanted[at], atol=2e-4)
    rows = ForwardBatch(kv_cache, scoring=[ScoringRows(0, 20, [TEXT[20:], TEXT[20:]])]).run(model).scoring[0]
    assert torch.allclose(rows, wanted[20:].expand(2, -1, -1), atol=2e-4)
    own = model(input_ids=torch.tensor([TEXT])).logits[0]
    assert torch.allclose(own, wanted, atol=2e-4)  # transformers' code goes on, on the same weights
