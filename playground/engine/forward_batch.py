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

from playground.engine.kv_cache import Places

ATTENTION = "packed"
"""Under this name transformers' models find `_attend`."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Tokens that stand at `start` of a place and after, see all before them, and stay there."""

    place: int
    start: int
    tokens: Sequence[int]


@dataclass(frozen=True, slots=True)
class Branches:
    """Texts that each go on at `start` of a place and see what stands before there, but not each other.

    `rows` are of one length, padded on the right: what stands behind a token cannot change its logits. A single one
    may stay at the place.
    """

    place: int
    start: int
    rows: Sequence[Sequence[int]]
    stays: bool = False


@dataclass(frozen=True, slots=True)
class _How:
    """What a layer wants of attention: its scale, how far back it sees (0: everything), and where scores are capped."""

    scale: float | None
    window: int
    cap: float | None


@dataclass(frozen=True, slots=True)
class _States:
    """Of one layer: `query` (H, T, D), `key` and `value` (KV, T, D)."""

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor

    def part(self, first: int, size: int) -> "_States":
        own = slice(first, first + size)
        return _States(self.query[:, own], self.key[:, own], self.value[:, own])


@dataclass(frozen=True, slots=True)
class _Table:
    """Of one layer, for all places: both (S, KV, L, D)."""

    keys: torch.Tensor
    values: torch.Tensor


@dataclass(slots=True)
class Pass:
    """What goes through the model at once: one token each for the places from 0 on, then pieces, then branches.

    `tokens[i]` stands at `positions[i]` of place i.
    """

    places: Places
    tokens: Sequence[int] = ()
    positions: Sequence[int] = ()
    pieces: Sequence[Piece] = ()
    branches: Sequence[Branches] = ()
    windows: set[int] = field(default_factory=set)
    """What windows the layers asked for; 0 is none."""
    _masks: dict[Any, torch.Tensor | None] = field(default_factory=dict)
    _rows: torch.Tensor | None = None
    _at: torch.Tensor | None = None

    @torch.inference_mode()
    def run(self, model: PreTrainedModel) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
        """The logits of the single tokens (N, V), of each piece's last token (P, V), and of all of each branching
        (rows, tokens, V)."""
        ids, positions, wanted = list(self.tokens), list(self.positions), list(range(len(self.tokens)))
        for piece in self.pieces:
            ids += piece.tokens
            positions += range(piece.start, piece.start + len(piece.tokens))
            wanted.append(len(ids) - 1)
        for branching in self.branches:
            for row in branching.rows:
                wanted += range(len(ids), len(ids) + len(row))
                ids += row
                positions += range(branching.start, branching.start + len(row))
        self._reserve()
        device = model.device
        self._rows = torch.arange(len(self.tokens), device=device)
        self._at = torch.tensor(self.positions, dtype=torch.long, device=device)
        out = model(
            input_ids=torch.tensor([ids], device=device),
            position_ids=torch.tensor([positions], device=device),
            use_cache=False,
            logits_to_keep=0 if len(wanted) == len(ids) else torch.tensor(wanted, device=device),
            packed=self,
        )
        logits: torch.Tensor = out.logits[0]
        singles, rest = logits[: len(self.tokens)], logits[len(self.tokens) :]
        lasts, rest = rest[: len(self.pieces)], rest[len(self.pieces) :]
        branched = []
        for branching in self.branches:
            count, length = len(branching.rows), len(branching.rows[0])
            branched.append(rest[: count * length].view(count, length, -1))
            rest = rest[count * length :]
        return singles, lasts, branched

    def _reserve(self) -> None:
        ends = [piece.start + len(piece.tokens) for piece in self.pieces]
        ends += [branching.start + len(branching.rows[0]) for branching in self.branches if branching.stays]
        used = [piece.place for piece in self.pieces] + [branching.place for branching in self.branches]
        self.places.reserve(max([len(self.tokens) - 1, *used]) + 1, max([0, *(at + 1 for at in self.positions), *ends]))

    def attend(self, layer: int, states: _States, how: _How) -> torch.Tensor:
        """The states of one layer for all tokens; returns (T, H, D)."""
        table = _Table(*self.places.layer(layer, states.key))
        parts = []
        first = len(self.tokens)
        if first:
            parts.append(self._singles(states.part(0, first), table, how))
        for piece in self.pieces:
            size = len(piece.tokens)
            parts.append(self._piece(piece, states.part(first, size), table, how))
            first += size
        for branching in self.branches:
            size = len(branching.rows) * len(branching.rows[0])
            parts.append(self._branching(branching, states.part(first, size), table, how))
            first += size
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _singles(self, states: _States, table: _Table, how: _How) -> torch.Tensor:
        """One token for each place. Heads that share keys are asked together, as if they were more tokens."""
        heads, count = states.key.shape[:2]
        table.keys[self._rows, :, self._at] = states.key.transpose(0, 1)
        table.values[self._rows, :, self._at] = states.value.transpose(0, 1)
        longest = max(self.positions) + 1
        asked = states.query.transpose(0, 1).reshape(count, heads, states.query.shape[0] // heads, -1)
        mask = self._seen(longest, how.window, states.key)
        return _attention(asked, table.keys[:count, :, :longest], table.values[:count, :, :longest], mask, how).flatten(
            1, 2
        )

    def _piece(self, piece: Piece, states: _States, table: _Table, how: _How) -> torch.Tensor:
        last = piece.start + len(piece.tokens)
        table.keys[piece.place, :, piece.start : last] = states.key
        table.values[piece.place, :, piece.start : last] = states.value
        keys, values = table.keys[piece.place, None, :, :last], table.values[piece.place, None, :, :last]
        mask = self._causal(piece.start, len(piece.tokens), how.window, states.key)
        return _attention(states.query[None], keys, values, mask, how)[0].transpose(0, 1)

    def _branching(self, branching: Branches, states: _States, table: _Table, how: _How) -> torch.Tensor:
        place, start = branching.place, branching.start
        count, length = len(branching.rows), len(branching.rows[0])
        query, key, value = (
            one.reshape(len(one), count, length, -1).transpose(0, 1) for one in (states.query, states.key, states.value)
        )
        keys = torch.cat((table.keys[place, :, :start].expand(count, -1, -1, -1), key), 2)
        values = torch.cat((table.values[place, :, :start].expand(count, -1, -1, -1), value), 2)
        if branching.stays:
            table.keys[place, :, start : start + length] = key[0]
            table.values[place, :, start : start + length] = value[0]
        mask = self._causal(start, length, how.window, states.key)
        return _attention(query, keys, values, mask, how).transpose(1, 2).flatten(0, 1)

    def _seen(self, longest: int, window: int, like: torch.Tensor) -> torch.Tensor | None:
        """(N, 1, 1, longest): 0 where a single token may look, minus infinity elsewhere; None: everywhere."""
        if window not in self._masks:
            assert self._at is not None  # noqa: S101 - set by `run`
            every = torch.arange(longest, device=like.device)
            hidden = every > self._at[:, None]
            if window:
                hidden |= every <= self._at[:, None] - window
            some = min(self.positions) < longest - 1 or bool(window and max(self.positions) >= window)
            self._masks[window] = _minus_infinity(hidden, like)[:, None, None] if some else None
        return self._masks[window]

    def _causal(self, start: int, length: int, window: int, like: torch.Tensor) -> torch.Tensor | None:
        """(length, start + length): what each of the tokens after `start` may see; None: everything."""
        name = start, length, window
        if name not in self._masks:
            at = torch.arange(start, start + length, device=like.device)[:, None]
            every = torch.arange(start + length, device=like.device)
            hidden = every > at
            if window:
                hidden |= every <= at - window
            some = length > 1 or bool(window and start + length > window)
            self._masks[name] = _minus_infinity(hidden, like) if some else None
        return self._masks[name]


def _attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, how: _How
) -> torch.Tensor:
    """`query` (B, H, T, D), `key` and `value` (B, KV, L, D); returns (B, H, T, D)."""
    if how.cap is None:
        shared = query.shape[1] != key.shape[1]
        if shared and mask is not None and query.is_cuda:  # both together would leave only the slow, large kernel
            groups = query.shape[1] // key.shape[1]
            key, value, shared = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1), False
        return scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=how.scale, enable_gqa=shared)
    groups = query.shape[1] // key.shape[1]
    scores = query @ key.repeat_interleave(groups, 1).transpose(2, 3) * (how.scale or query.shape[3] ** -0.5)
    scores = torch.tanh(scores / how.cap) * how.cap
    weights = (scores if mask is None else scores + mask).softmax(-1, dtype=torch.float32).to(query.dtype)
    return weights @ value.repeat_interleave(groups, 1)


def _minus_infinity(hidden: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return torch.zeros(hidden.shape, dtype=like.dtype, device=like.device).masked_fill_(hidden, float("-inf"))


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    packed: Pass,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_others: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' attention interface: `query` (1, H, T, D); returns (1, T, H, D)."""
    how = _How(scaling, sliding_window or 0, softcap)
    packed.windows.add(how.window)
    return packed.attend(cast(int, module.layer_idx), _States(query[0], key[0], value[0]), how)[None], None


AttentionInterface.register(ATTENTION, _attend)
