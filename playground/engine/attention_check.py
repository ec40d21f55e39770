"""Checks at load that variable-length attention gives the model's own logits, and up to which context length."""

import logging
from dataclasses import dataclass

import torch
from transformers import PretrainedConfig, PreTrainedModel

from playground.engine.attention import ATTENTION
from playground.engine.forward_batch import ForwardBatch, PrefillChunk
from playground.engine.kv_cache import KVCache
from playground.errors import ModelError

log = logging.getLogger(__name__)

_CHECKED_TOKENS = 8
_CHECKED_TEXTS = 8
ALIKE = 0.05
"""Of their size, the logits of most texts may differ so much between together and alone: 16 bits round differently in
other shapes. One text may differ by more: SmolLM2's own logits in bf16 move by 0.01 where a text is longer, for some
by 0.07."""
_CHANGING_ROPE = {"dynamic", "longrope"}
_UNBOUNDED = 2**31


class CannotShareError(Exception):
    """This model keeps what it has read in a way that cannot stand in one table for all."""


@dataclass(frozen=True, slots=True)
class AttentionSupport:
    """What was seen: up to `max_context` tokens, nothing depends on who else is in the batch."""

    bytes_per_token: int
    max_context: int
    continues: bool = True
    """Prompts may go in part by part."""


@torch.inference_mode()
def enable_varlen_attention(model: PreTrainedModel) -> AttentionSupport:
    """Let a model use variable-length attention from now on. Raises `CannotShareError` for one with logits that it
    changes, `ModelError` for one with logits that are no numbers.

    That is how models show whose memory is not in keys and values, or whose attention has parts that are unknown here.
    """
    texts, alone = check_texts(model)
    before = model.config._attn_implementation
    try:
        model.set_attn_implementation(ATTENTION)
        kv_cache, half = KVCache(), _CHECKED_TOKENS // 2
        prompts = ForwardBatch(
            kv_cache, prefill=[PrefillChunk(slot, 0, text[:half]) for slot, text in enumerate(texts)]
        )
        prompts.run(model)
        for at in range(half, _CHECKED_TOKENS):
            together = ForwardBatch(kv_cache, [text[at] for text in texts], [at] * len(texts)).run(model)[0]
        differences = (together.float() - alone.float()).norm(dim=-1) / alone.float().norm(dim=-1)
        difference = float(differences.median())
    except Exception as error:
        model.set_attn_implementation(before)
        raise CannotShareError from error
    if not difference < ALIKE:
        model.set_attn_implementation(before)
        log.error("with variable-length attention the model's logits are off by %.3f of their size", difference)
        raise CannotShareError
    return AttentionSupport(
        kv_cache.bytes_per_token(), _max_context(model.config.get_text_config(), prompts.sliding_windows)
    )


def check_texts(model: PreTrainedModel) -> tuple[list[list[int]], torch.Tensor]:
    """Texts of one length, and the logits (N, V) after their last tokens as the model itself gives them.

    Raises `ModelError` where those are no numbers.
    """
    size = model.get_input_embeddings().num_embeddings
    starts = [size * (place + 1) // (_CHECKED_TEXTS + 1) for place in range(_CHECKED_TEXTS)]
    texts = [[(start + 7 * step) % size for step in range(_CHECKED_TOKENS)] for start in starts]
    alone = torch.stack([model(input_ids=torch.tensor([text], device=model.device)).logits[0, -1] for text in texts])
    if not alone.isfinite().all():
        raise ModelError("The weights of this model hold what are no numbers: its files are damaged. Get them again.")
    return texts, alone


def _max_context(config: PretrainedConfig, windows: set[int]) -> int:
    """Up to how many tokens nothing of a model depends on who reads beside it, or on what its attention is not told.

    Some stretch their positions by the longest text of a pass; some put a window into a mask that is not made here.
    """
    bounds = [_UNBOUNDED]
    parameters = getattr(config, "rope_parameters", None) or {}
    ropes = [parameters, *(rope for rope in parameters.values() if isinstance(rope, dict))]
    for rope in ropes:
        if rope.get("rope_type") in _CHANGING_ROPE:
            original = rope.get("original_max_position_embeddings")
            bounds.append(original or getattr(config, "original_max_position_embeddings", None) or _positions(config))
    if windows <= {0}:
        told = (getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size"))
        bounds += [window for window in told if window]
    return min(bounds)


def _positions(config: PretrainedConfig) -> int:
    return int(getattr(config, "max_position_embeddings", _UNBOUNDED))
