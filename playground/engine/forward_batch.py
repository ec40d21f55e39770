"""One forward pass over the tokens of many requests, packed into one row, each seeing its own past only.

Linear layers see all tokens at once; only attention asks whose they are. The keys and values of a running request stay
at its place in one table per layer, so that those who get one token each are attended to in a single call.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

from playground.engine.kv_cache import KVCache

ATTENTION = "playground_varlen"
"""Under this name transformers' models find `_attend`."""


@dataclass(frozen=True, slots=True)
class PrefillChunk:
    """Tokens that stand at `start` of a place and after, see all before them, and stay there."""

    slot: int
    start: int
    token_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class ScoringRows:
    """Texts that each go on at `start` of a place and see what stands before there, but not each other.

    `rows` are of one length, padded on the right: what stands behind a token cannot change its logits. A single one
    may stay at the place.
    """

    slot: int
    start: int
    rows: Sequence[Sequence[int]]
    writes_kv: bool = False


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
    """Of one layer, for all places: both (S, KV, L, D)."""

    keys: torch.Tensor
    values: torch.Tensor


@dataclass(slots=True)
class ForwardBatch:
    """What goes through the model at once: one token each for the places from 0 on, then chunks, then branches.

    `tokens[i]` stands at `positions[i]` of place i.
    """

    kv_cache: KVCache
    decode_token_ids: Sequence[int] = ()
    decode_positions: Sequence[int] = ()
    prefill: Sequence[PrefillChunk] = ()
    scoring: Sequence[ScoringRows] = ()
    sliding_windows: set[int] = field(default_factory=set)
    """What windows the layers asked for; 0 is none."""
    _masks: dict[Any, torch.Tensor | None] = field(default_factory=dict)
    _decode_slots: torch.Tensor | None = None
    _decode_at: torch.Tensor | None = None

    @torch.inference_mode()
    def run(self, model: PreTrainedModel) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
        """The logits of the single tokens (N, V), of each chunk's last token (P, V), and of all of each scored
        (rows, tokens, V)."""
        ids, positions, wanted = (
            list(self.decode_token_ids),
            list(self.decode_positions),
            list(range(len(self.decode_token_ids))),
        )
        for chunk in self.prefill:
            ids += chunk.token_ids
            positions += range(chunk.start, chunk.start + len(chunk.token_ids))
            wanted.append(len(ids) - 1)
        for scored in self.scoring:
            for row in scored.rows:
                wanted += range(len(ids), len(ids) + len(row))
                ids += row
                positions += range(scored.start, scored.start + len(row))
        self._reserve()
        device = model.device
        self._decode_slots = torch.arange(len(self.decode_token_ids), device=device)
        self._decode_at = torch.tensor(self.decode_positions, dtype=torch.long, device=device)
        out = model(
            input_ids=torch.tensor([ids], device=device),
            position_ids=torch.tensor([positions], device=device),
            use_cache=False,
            logits_to_keep=0 if len(wanted) == len(ids) else torch.tensor(wanted, device=device),
            forward_batch=self,
        )
        logits: torch.Tensor = out.logits[0]
        singles, rest = logits[: len(self.decode_token_ids)], logits[len(self.decode_token_ids) :]
        lasts, rest = rest[: len(self.prefill)], rest[len(self.prefill) :]
        branched = []
        for scored in self.scoring:
            count, length = len(scored.rows), len(scored.rows[0])
            branched.append(rest[: count * length].view(count, length, -1))
            rest = rest[count * length :]
        return singles, lasts, branched

    def _reserve(self) -> None:
        ends = [chunk.start + len(chunk.token_ids) for chunk in self.prefill]
        ends += [scored.start + len(scored.rows[0]) for scored in self.scoring if scored.writes_kv]
        used = [chunk.slot for chunk in self.prefill] + [scored.slot for scored in self.scoring]
        self.kv_cache.reserve(
            max([len(self.decode_token_ids) - 1, *used]) + 1, max([0, *(at + 1 for at in self.decode_positions), *ends])
        )

    def attend(self, layer: int, qkv: QKV, params: AttentionParams) -> torch.Tensor:
        """The states of one layer for all tokens; returns (T, H, D)."""
        kv = LayerKV(*self.kv_cache.layer(layer, qkv.key))
        parts = []
        first = len(self.decode_token_ids)
        if first:
            parts.append(self._attend_decode(qkv.part(0, first), kv, params))
        for chunk in self.prefill:
            size = len(chunk.token_ids)
            parts.append(self._attend_prefill(chunk, qkv.part(first, size), kv, params))
            first += size
        for scored in self.scoring:
            size = len(scored.rows) * len(scored.rows[0])
            parts.append(self._attend_scoring(scored, qkv.part(first, size), kv, params))
            first += size
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _attend_decode(self, qkv: QKV, kv: LayerKV, params: AttentionParams) -> torch.Tensor:
        """One token for each place. Heads that share keys are asked together, as if they were more tokens."""
        heads, count = qkv.key.shape[:2]
        kv.keys[self._decode_slots, :, self._decode_at] = qkv.key.transpose(0, 1)
        kv.values[self._decode_slots, :, self._decode_at] = qkv.value.transpose(0, 1)
        longest = max(self.decode_positions) + 1
        asked = qkv.query.transpose(0, 1).reshape(count, heads, qkv.query.shape[0] // heads, -1)
        mask = self._decode_mask(longest, params.sliding_window, qkv.key)
        return _attention(asked, kv.keys[:count, :, :longest], kv.values[:count, :, :longest], mask, params).flatten(
            1, 2
        )

    def _attend_prefill(self, chunk: PrefillChunk, qkv: QKV, kv: LayerKV, params: AttentionParams) -> torch.Tensor:
        last = chunk.start + len(chunk.token_ids)
        kv.keys[chunk.slot, :, chunk.start : last] = qkv.key
        kv.values[chunk.slot, :, chunk.start : last] = qkv.value
        keys, values = kv.keys[chunk.slot, None, :, :last], kv.values[chunk.slot, None, :, :last]
        mask = self._causal_mask(chunk.start, len(chunk.token_ids), params.sliding_window, qkv.key)
        return _attention(qkv.query[None], keys, values, mask, params)[0].transpose(0, 1)

    def _attend_scoring(self, scored: ScoringRows, qkv: QKV, kv: LayerKV, params: AttentionParams) -> torch.Tensor:
        slot, start = scored.slot, scored.start
        count, length = len(scored.rows), len(scored.rows[0])
        query, key, value = (
            one.reshape(len(one), count, length, -1).transpose(0, 1) for one in (qkv.query, qkv.key, qkv.value)
        )
        keys = torch.cat((kv.keys[slot, :, :start].expand(count, -1, -1, -1), key), 2)
        values = torch.cat((kv.values[slot, :, :start].expand(count, -1, -1, -1), value), 2)
        if scored.writes_kv:
            kv.keys[slot, :, start : start + length] = key[0]
            kv.values[slot, :, start : start + length] = value[0]
        mask = self._causal_mask(start, length, params.sliding_window, qkv.key)
        return _attention(query, keys, values, mask, params).transpose(1, 2).flatten(0, 1)

    def _decode_mask(self, longest: int, window: int, like: torch.Tensor) -> torch.Tensor | None:
        """(N, 1, 1, longest): 0 where a single token may look, minus infinity elsewhere; None: everywhere."""
        if window not in self._masks:
            assert self._decode_at is not None  # noqa: S101 - set by `run`
            every = torch.arange(longest, device=like.device)
            hidden = every > self._decode_at[:, None]
            if window:
                hidden |= every <= self._decode_at[:, None] - window
            some = min(self.decode_positions) < longest - 1 or bool(window and max(self.decode_positions) >= window)
            self._masks[window] = _additive_mask(hidden, like)[:, None, None] if some else None
        return self._masks[window]

    def _causal_mask(self, start: int, length: int, window: int, like: torch.Tensor) -> torch.Tensor | None:
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


def _attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, params: AttentionParams
) -> torch.Tensor:
    """`query` (B, H, T, D), `key` and `value` (B, KV, L, D); returns (B, H, T, D)."""
    if params.softcap is None:
        shared = query.shape[1] != key.shape[1]
        if shared and mask is not None and query.is_cuda:  # both together would leave only the slow, large kernel
            groups = query.shape[1] // key.shape[1]
            key, value, shared = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1), False
        return scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=params.scale, enable_gqa=shared)
    groups = query.shape[1] // key.shape[1]
    scores = query @ key.repeat_interleave(groups, 1).transpose(2, 3) * (params.scale or query.shape[3] ** -0.5)
    scores = torch.tanh(scores / params.softcap) * params.softcap
    weights = (scores if mask is None else scores + mask).softmax(-1, dtype=torch.float32).to(query.dtype)
    return weights @ value.repeat_interleave(groups, 1)


def _additive_mask(hidden: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return torch.zeros(hidden.shape, dtype=like.dtype, device=like.device).masked_fill_(hidden, float("-inf"))


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    forward_batch: ForwardBatch,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_others: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' attention interface: `query` (1, H, T, D); returns (1, T, H, D)."""
    params = AttentionParams(scaling, sliding_window or 0, softcap)
    forward_batch.sliding_windows.add(params.sliding_window)
    return forward_batch.attend(cast(int, module.layer_idx), QKV(query[0], key[0], value[0]), params)[None], None


AttentionInterface.register(ATTENTION, _attend)
