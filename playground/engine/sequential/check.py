"""Checks at load that a model continues from its own cache as it would read the whole, and how."""

import logging
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from playground.engine.attention_check import (
    ALIKE,
    AttentionSupport,
    CannotShareError,
    check_texts,
    enable_varlen_attention,
)
from playground.engine.layers.executor import ModelExecutor
from playground.engine.sequential.caches import HeldStates, SequenceCache, held_states
from playground.errors import ModelError
from playground.sentence import N_

log = logging.getLogger(__name__)

_TYPICAL_TOKENS = 512
"""What a sequence takes whatever its length is counted for so many of its tokens."""
_UNBOUNDED = 2**31
_CANNOT_CONTINUE = N_(
    "This model's own code cannot write on token by token here, so it cannot answer. Choose another, such as "
    "Qwen/Qwen2.5-0.5B-Instruct."
)


@dataclass(frozen=True, slots=True)
class SequentialSupport:
    """What was seen. `continues`: it can go on from its cache with several tokens at once; `held` is what it keeps
    elsewhere."""

    bytes_per_token: int
    max_context: int
    continues: bool
    held: HeldStates


def look_at(model: PreTrainedModel, executor: ModelExecutor, name: str) -> AttentionSupport | SequentialSupport:
    """Find how a model can be run. Where the fused decoder is off from what the model itself computes, it is done
    without; where all sequences in one pass are, each has a pass of its own. Raises `ModelError`."""
    for _ in range(2):
        try:
            return enable_varlen_attention(model)
        except CannotShareError:
            if executor.decoder is None:
                break
            log.warning("%s is not quite of the family that it names; its own code runs it", name)
            executor.decoder = None
    log.info("%s is read one sequence after another", name)
    return check_sequential(model)


@torch.inference_mode()
def check_sequential(model: PreTrainedModel) -> SequentialSupport:
    """Raises `ModelError` where single tokens, other sequences in between, do not lead to a whole text's logits."""
    texts, alone = check_texts(model)
    half = len(texts[0]) // 2
    try:
        held = [place for place in held_states(model) if _changes(model, *place, texts[0])]
        caches = [SequenceCache(held) for _ in texts]
        for cache, text in zip(caches, texts, strict=True):
            cache.forward(model, text[:half], False)
        small, branches = caches[0].num_bytes(), [cache.copy() for cache in caches]
        for at in range(half, len(texts[0])):
            ends = [
                cache.forward(model, text[at : at + 1], False)[0] for cache, text in zip(caches, texts, strict=True)
            ]
        jumps = [_jump(model, cache, text[half:]) for cache, text in zip(branches, texts, strict=True)]
    except Exception as error:
        raise ModelError(_CANNOT_CONTINUE) from error
    difference = _difference(ends, alone)
    if not difference < ALIKE:
        log.error("token by token the model's logits are off by %.3f of their size", difference)
        raise ModelError(_CANNOT_CONTINUE)
    per_token = (caches[0].num_bytes() - small) // (len(texts[0]) - half)
    fixed = max(0, small - half * per_token)
    num_bytes = max(1, per_token + fixed // _TYPICAL_TOKENS)
    return SequentialSupport(num_bytes, _UNBOUNDED, _difference(jumps, alone) < ALIKE, held)


def _changes(model: PreTrainedModel, module: nn.Module, name: str, text: list[int]) -> bool:
    """Whether reading a text leaves something else there."""
    before = getattr(module, name)
    SequenceCache().forward(model, text, False)
    return getattr(module, name) is not before


def _jump(model: PreTrainedModel, cache: SequenceCache, token_ids: list[int]) -> torch.Tensor:
    """The last logits (V) after several tokens at once; NaN where its code refuses them."""
    try:
        return cache.forward(model, token_ids, False)[0]
    except (RuntimeError, ValueError, NotImplementedError, IndexError, AttributeError) as error:
        log.info("%s reads one token at a time after its first ones: %s", type(model).__name__, error)
        return torch.full((model.get_input_embeddings().num_embeddings,), float("nan"))


def _difference(ends: list[torch.Tensor], wanted: torch.Tensor) -> float:
    """Of most texts, in parts of their logits' size."""
    differences = (torch.stack(ends).float() - wanted.float()).norm(dim=-1) / wanted.float().norm(dim=-1)
    return float(differences.median())
