"""Variable-length attention: each token of a pass attends to its own KV slot, whoever else is in the batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

ATTENTION = "playground_varlen"
"""Under this name transformers' models find `_attention_interface`."""
GPU_LENGTH_STEP = 64
"""What slots are as long as a multiple of."""


@dataclass(frozen=True, slots=True)
class AttentionParams:
    """What a layer wants of attention: its scale, how far back it sees (0: everything), and where scores are capped."""

    scale: float | None
    sliding_window: int
    softcap: float | None


@dataclass(frozen=True, slots=True)
class QKV:
    """Of one layer: `query` (H, T, D), `key` and `value` (KV, T, D)."""

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor

    def part(self, first: int, size: int) -> "QKV":
        own = slice(first, first + size)
        return QKV(self.query[:, own], self.key[:, own], self.value[:, own])


@dataclass(frozen=True, slots=True)
class LayerKV:
    """The KV cache of one layer, for all slots: both (S, KV, L, D)."""

    keys: torch.Tensor
    values: torch.Tensor


class AttentionMetadata:
    """What all layers of one pass share: where its decoded tokens stand, and the masks that were made so far."""

    def __init__(self, decode_positions: Sequence[int], device: torch.device) -> None:
        """`decode_positions[i]` is where slot i gets its next token."""
        self.slots = torch.arange(len(decode_positions), device=device)
        self.positions = torch.tensor(decode_positions, dtype=torch.long, device=device)
        self.first, self.last = min(decode_positions, default=0), max(decode_positions, default=0)
        self.step = GPU_LENGTH_STEP if device.type == "cuda" else 1
        self._masks: dict[Any, torch.Tensor | None] = {}
        self._rows: dict[tuple[int, int], torch.Tensor] = {}

    def decode_end(self, length: int) -> int:
        """How many tokens of slots of this length are looked at: up to the last one, on GPUs in steps, so that shapes
        stay the same from token to token and a mask's rows are as long as the kernels want them."""
        return min(length, -(-(self.last + 1) // self.step) * self.step)

    def decode_rows(self, num_heads: int, length: int) -> torch.Tensor:
        """(N * KV): where decoded keys stand among all rows of a cache (S, KV, L, D) with so many heads and tokens."""
        name = num_heads, length
        if name not in self._rows:
            heads = torch.arange(num_heads, device=self.slots.device)
            rows = (self.slots[:, None] * num_heads + heads) * length + self.positions[:, None]
            self._rows[name] = rows.flatten()
        return self._rows[name]

    def decode_mask(self, window: int, end: int, like: torch.Tensor) -> torch.Tensor | None:
        """(N, 1, 1, end): 0 where a decoded token may look, minus infinity elsewhere; None: everywhere."""
        if window not in self._masks:
            every = torch.arange(end, device=like.device)
            hidden = every > self.positions[:, None]
            if window:
                hidden |= every <= self.positions[:, None] - window
            some = self.first + 1 < end or bool(window and self.last >= window)
            self._masks[window] = _additive_mask(hidden, like)[:, None, None] if some else None
        return self._masks[window]

    def causal_mask(self, start: int, length: int, window: int, like: torch.Tensor) -> torch.Tensor | None:
        """(length, start + length): what each of the tokens after `start` may see; None: everything."""
        name = start, length, window
        if name not in self._masks:
            at = torch.arange(start, start + length, device=like.device)[:, None]
            every = torch.arange(start + length, device=like.device)
            hidden = every > at
            if window:
                hidden |= every <= at - window
            some = length > 1 or bool(window and start + length > window)
            self._masks[name] = _additive_mask(hidden, like) if some else None
        return self._masks[name]


def attend_decode(qkv: QKV, kv: LayerKV, params: AttentionParams, metadata: AttentionMetadata) -> torch.Tensor:
    """One token for each slot from 0 on; returns (N, H, D). They stay in their slots.

    Heads that share keys are asked together, as if they were more tokens.
    """
    heads, count = qkv.key.shape[:2]
    rows = metadata.decode_rows(heads, kv.keys.shape[2])
    for cache, new in ((kv.keys, qkv.key), (kv.values, qkv.value)):
        cache.view(-1, cache.shape[3]).index_copy_(0, rows, new.transpose(0, 1).reshape(-1, cache.shape[3]))
    end = metadata.decode_end(kv.keys.shape[2])
    query = qkv.query.transpose(0, 1).reshape(count, heads, qkv.query.shape[0] // heads, -1)
    mask = metadata.decode_mask(params.sliding_window, end, qkv.key)
    return _attention(query, kv.keys[:count, :, :end], kv.values[:count, :, :end], mask, params).flatten(1, 2)


def attend_prefill(
    qkv: QKV, kv: LayerKV, params: AttentionParams, metadata: AttentionMetadata, slot: int, start: int
) -> torch.Tensor:
    """Tokens that stand at `start` of a slot and after, and stay there; returns (T, H, D)."""
    length = qkv.key.shape[1]
    end = start + length
    kv.keys[slot, :, start:end] = qkv.key
    kv.values[slot, :, start:end] = qkv.value
    seen = kv.keys[slot, None, :, :end], kv.values[slot, None, :, :end]
    if start == 0 and length > 1 and not params.sliding_window and params.softcap is None:
        shared = qkv.query.shape[0] != qkv.key.shape[0]
        causal = scaled_dot_product_attention(
            qkv.query[None], *seen, is_causal=True, scale=params.scale, enable_gqa=shared
        )
        return causal[0].transpose(0, 1)
    mask = metadata.causal_mask(start, length, params.sliding_window, qkv.key)
    return _attention(qkv.query[None], *seen, mask, params)[0].transpose(0, 1)


def attend_scoring(
    qkv: QKV,
    kv: LayerKV,
    params: AttentionParams,
    metadata: AttentionMetadata,
    *,
    slot: int,
    start: int,
    num_rows: int,
    writes_kv: bool,
) -> torch.Tensor:
    """Rows of one length that each go on at `start` of a slot, by themselves; returns (rows * length, H, D)."""
    query, key, value = (
        one.reshape(len(one), num_rows, -1, one.shape[2]).transpose(0, 1) for one in (qkv.query, qkv.key, qkv.value)
    )
    keys = torch.cat((kv.keys[slot, :, :start].expand(num_rows, -1, -1, -1), key), 2)
    values = torch.cat((kv.values[slot, :, :start].expand(num_rows, -1, -1, -1), value), 2)
    length = key.shape[2]
    if writes_kv:
        kv.keys[slot, :, start : start + length] = key[0]
        kv.values[slot, :, start : start + length] = value[0]
    mask = metadata.causal_mask(start, length, params.sliding_window, qkv.key)
    return _attention(query, keys, values, mask, params).transpose(1, 2).flatten(0, 1)


def _attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, params: AttentionParams
) -> torch.Tensor:
    """`query` (B, H, T, D), `key` and `value` (B, KV, L, D); returns (B, H, T, D)."""
    if params.softcap is None:
        shared = query.shape[1] != key.shape[1]  # keys stay as they are: copied for each head, they would be the most
        return scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=params.scale, enable_gqa=shared)
    groups = query.shape[1] // key.shape[1]
    scores = query @ key.repeat_interleave(groups, 1).transpose(2, 3) * (params.scale or query.shape[3] ** -0.5)
    scores = torch.tanh(scores / params.softcap) * params.softcap
    weights = (scores if mask is None else scores + mask).softmax(-1, dtype=torch.float32).to(query.dtype)
    return weights @ value.repeat_interleave(groups, 1)


def _additive_mask(hidden: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return torch.zeros(hidden.shape, dtype=like.dtype, device=like.device).masked_fill_(hidden, float("-inf"))


class _Batch(Protocol):
    """Knows which of a pass's tokens are whose: a `ForwardBatch`."""

    def attend(self, layer: int, qkv: QKV, params: AttentionParams) -> torch.Tensor: ...


def _attention_interface(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    forward_batch: _Batch,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_others: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' attention interface: `query` (1, H, T, D); returns (1, T, H, D)."""
    params = AttentionParams(scaling, sliding_window or 0, softcap)
    return forward_batch.attend(cast(int, module.layer_idx), QKV(query[0], key[0], value[0]), params)[None], None


AttentionInterface.register(ATTENTION, _attention_interface)
