"""Tokens of many requests in one pass, each as if it were alone, for every kind of attention that base models have."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    Phi3Config,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
)

from playground.engine.attention import ATTENTION
from playground.engine.attention_check import CannotShareError, enable_varlen_attention
from playground.engine.forward_batch import ForwardBatch, PrefillChunk, ScoringRows
from playground.engine.kv_cache import KVCache

VOCABULARY = 300
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.2,
}
MODELS: dict[str, Callable[[], PreTrainedConfig]] = {
    "llama": lambda: LlamaConfig(**SIZES),
    "full attention, untied": lambda: LlamaConfig(**SIZES | {"num_key_value_heads": 4}, tie_word_embeddings=False),
    "gpt2": lambda: GPT2Config(vocab_size=VOCABULARY, n_embd=64, n_layer=2, n_head=4, initializer_range=0.2),
    "qwen2": lambda: Qwen2Config(**SIZES),
    "qwen3": lambda: Qwen3Config(**SIZES, head_dim=16),
    "sliding window": lambda: MistralConfig(**SIZES, head_dim=16, sliding_window=6),
    "some layers slide": lambda: Gemma3TextConfig(**SIZES, head_dim=16, sliding_window=6, query_pre_attn_scalar=16),
    "capped scores": lambda: Gemma2Config(
        **SIZES, head_dim=16, sliding_window=6, query_pre_attn_scalar=16, attn_logit_softcapping=2.0
    ),
}
TEXTS = [
    torch.randint(3, VOCABULARY, (size,), generator=torch.Generator().manual_seed(size)).tolist()
    for size in (9, 30, 17)
]


def make(name: str) -> tuple[PreTrainedModel, list[torch.Tensor]]:
    """A model with variable-length attention, and the logits (T, V) that it gave without for each text."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(MODELS[name](), attn_implementation="eager").eval()
    with torch.inference_mode():
        wanted = [model(input_ids=torch.tensor([text])).logits[0] for text in TEXTS]
    model.set_attn_implementation(ATTENTION)
    return model, wanted


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_of_model_reads_together_as_it_does_alone(name: str) -> None:
    """Prompts in two parts, then token by token beside others of other lengths, and branches that leave no trace."""
    model, wanted = make(name)
    kv_cache = KVCache()
    halves = [len(text) // 2 for text in TEXTS]
    first = [PrefillChunk(slot, 0, text[:half]) for slot, (text, half) in enumerate(zip(TEXTS, halves, strict=True))]
    seen = ForwardBatch(kv_cache, prefill=first).run(model)[1]
    close(seen, [table[half - 1] for table, half in zip(wanted, halves, strict=True)])
    rest = PrefillChunk(2, halves[2], TEXTS[2][halves[2] :])
    for step in range(4):
        at = [half + step for half in halves[:2]]
        tokens = [text[position] for text, position in zip(TEXTS, at, strict=False)]
        branches = ScoringRows(2, halves[2], [TEXTS[2][halves[2] : halves[2] + 3], [7, 8, 9]])
        decode, prefill, scoring = ForwardBatch(kv_cache, tokens, at, [rest] if step == 2 else [], [branches]).run(
            model
        )
        close(decode, [table[position] for table, position in zip(wanted, at, strict=False)])
        close(scoring[0][0], wanted[2][halves[2] : halves[2] + 3])
        if step == 2:
            close(prefill, wanted[2][-1:])


def test_slots_grow_move_and_shrink_with_what_stands_there() -> None:
    model, wanted = make("llama")
    kv_cache = KVCache()
    ForwardBatch(kv_cache, prefill=[PrefillChunk(1, 0, TEXTS[0][:-1])]).run(model)
    ForwardBatch(kv_cache, prefill=[PrefillChunk(3, 0, TEXTS[1][:-1])]).run(model)
    with torch.inference_mode():
        kv_cache.swap_slots(3, 1, 40)
        kv_cache.move_slot(3, 0, 20)
        kv_cache.trim(2, 40)
    decode = ForwardBatch(kv_cache, [TEXTS[0][-1], TEXTS[1][-1]], [len(TEXTS[0]) - 1, len(TEXTS[1]) - 1]).run(model)[0]
    close(decode, [wanted[0][-1], wanted[1][-1]])


def test_nothing_of_who_left_reaches_who_comes() -> None:
    """Numbers that overflowed stay hidden from others only while their slot is theirs: then they must be gone."""
    model, wanted = make("llama")
    kv_cache = KVCache()
    ForwardBatch(kv_cache, prefill=[PrefillChunk(slot, 0, text[:-1]) for slot, text in enumerate(TEXTS)]).run(model)
    with torch.inference_mode():
        for table in kv_cache._tables():
            table[0] = math.nan
        kv_cache.clear_slot(0)
        ForwardBatch(kv_cache, prefill=[PrefillChunk(0, 0, TEXTS[0][:-1])]).run(model)
        for table in kv_cache._tables():
            table[1] = math.nan
        kv_cache.move_slot(2, 1, len(TEXTS[2]) - 1)
    last = [len(TEXTS[0]) - 1, len(TEXTS[2]) - 1]
    close(ForwardBatch(kv_cache, [TEXTS[0][-1], TEXTS[2][-1]], last).run(model)[0], [wanted[0][-1], wanted[2][-1]])


def test_a_swap_that_runs_out_of_memory_has_changed_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the layers exchanged would answer one visitor out of another's text."""
    model, _ = make("llama")
    kv_cache = KVCache()
    ForwardBatch(kv_cache, prefill=[PrefillChunk(slot, 0, text) for slot, text in enumerate(TEXTS)]).run(model)
    before = [table.clone() for table in kv_cache._tables()]
    clone, left = torch.Tensor.clone, [3]

    def scarce(table: torch.Tensor, **options: Any) -> torch.Tensor:
        left[0] -= 1
        if left[0] < 0:
            raise torch.OutOfMemoryError("no memory")
        return clone(table, **options)

    monkeypatch.setattr(torch.Tensor, "clone", scarce)
    with torch.inference_mode(), pytest.raises(torch.OutOfMemoryError):
        kv_cache.swap_slots(0, 1, 30)
    assert all(torch.equal(*pair) for pair in zip(before, kv_cache._tables(), strict=True))


@pytest.mark.parametrize(
    ("config", "max_context"),
    [
        (
            Phi3Config(
                **SIZES,
                pad_token_id=0,
                max_position_embeddings=256,
                original_max_position_embeddings=32,
                rope_parameters={
                    "rope_type": "longrope",
                    "rope_theta": 1e4,
                    "short_factor": [1.0] * 8,
                    "long_factor": [4.0] * 8,
                    "original_max_position_embeddings": 32,
                },
            ),
            32,
        ),
        (
            LlamaConfig(
                **SIZES,
                max_position_embeddings=48,
                rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4, "factor": 4.0},
            ),
            48,
        ),
        (MistralConfig(**SIZES, head_dim=16, sliding_window=6), 2**31),
        (LlamaConfig(**SIZES), 2**31),
    ],
    ids=["longrope", "dynamic", "window", "plain"],
)
def test_models_whose_positions_depend_on_the_longest_text_read_less(
    config: PreTrainedConfig, max_context: int
) -> None:
    """Beyond it a long neighbour would change a visitor's answer."""
    support = enable_varlen_attention(AutoModelForCausalLM.from_config(config).eval())
    assert support.max_context == max_context
    assert support.bytes_per_token == 3 * 2 * 2 * 16 * 4


def test_a_text_may_branch_part_by_part_and_stay() -> None:
    model, wanted = make("some layers slide")
    kv_cache = KVCache()
    text = TEXTS[1]
    ForwardBatch(kv_cache, prefill=[PrefillChunk(0, 0, text[:10])]).run(model)
    one = ForwardBatch(kv_cache, scoring=[ScoringRows(0, 10, [text[10:18]], writes_kv=True)]).run(model)[2][0][0]
    two = ForwardBatch(kv_cache, scoring=[ScoringRows(0, 18, [text[18:]], writes_kv=True)]).run(model)[2][0][0]
    close(torch.cat((one, two)), wanted[1][10:])


def close(one: torch.Tensor, other: torch.Tensor | list[torch.Tensor]) -> None:
    other = torch.stack(other) if isinstance(other, list) else other
    assert one.shape == other.shape
    assert torch.allclose(one, other, atol=1e-4), float((one - other).abs().max())


@pytest.mark.parametrize("name", MODELS)
def test_models_that_can_share_a_pass_are_let_in(name: str) -> None:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(MODELS[name]()).eval()
    enable_varlen_attention(model)
    assert model.config._attn_implementation == ATTENTION


def test_a_model_with_another_kind_of_memory_is_refused_and_left_as_it_was() -> None:
    """It would answer, and mix up what visitors wrote."""
    config = MambaConfig(vocab_size=VOCABULARY, hidden_size=64, state_size=8, num_hidden_layers=2)
    model = AutoModelForCausalLM.from_config(config).eval()
    before = model.config._attn_implementation
    with pytest.raises(CannotShareError):
        enable_varlen_attention(model)
    assert model.config._attn_implementation == before
