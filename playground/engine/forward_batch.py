"""One variable-length forward pass: the tokens of many sequences in one row without padding, each attending to its own
KV slot.

Linear layers see all tokens at once; only attention asks whose they are. Sequences that get one token each stand in
the slots from 0 on, so that they are attended to in a single call.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypedDict

import torch
from transformers import PreTrainedModel

from playground.engine.attention import (
    QKV,
    AttentionMetadata,
    AttentionParams,
    LayerKV,
    attend_decode,
    attend_prefill,
    attend_scoring,
)
from playground.engine.kv_cache import KVCache


@dataclass(frozen=True, slots=True)
class PrefillChunk:
    """Tokens that stand at `start` of a slot and after, see all before them, and stay there."""

    slot: int
    start: int
    token_ids: Sequence[int]

    @property
    def num_tokens(self) -> int:
        return len(self.token_ids)


@dataclass(frozen=True, slots=True)
class ScoringRows:
    """Texts that each go on at `start` of a slot and see what stands before there, but not each other.

    `rows` are of one length, padded on the right: what stands behind a token cannot change its logits. A single one
    may stay in the slot.
    """

    slot: int
    start: int
    rows: Sequence[Sequence[int]]
    writes_kv: bool = False

    @property
    def num_tokens(self) -> int:
        return len(self.rows) * len(self.rows[0])


class ModelInputs(TypedDict):
    """One row of T tokens, both (1, T), and the rows whose logits are wanted; 0 is all of them."""

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    logits_to_keep: torch.Tensor | int
    forward_batch: "ForwardBatch"


class BatchLogits(NamedTuple):
    """After the decoded tokens (N, V), after each chunk's last token (P, V), after all of each `ScoringRows`
    (rows, tokens, V)."""

    decode: torch.Tensor
    prefill: torch.Tensor
    scoring: list[torch.Tensor]


@dataclass(slots=True)
class ForwardBatch:
    """What goes through the model at once: one token each for the slots from 0 on, then chunks, then rows to score.

    `decode_token_ids[i]` stands at `decode_positions[i]` of slot i.
    """

    kv_cache: KVCache
    decode_token_ids: Sequence[int] = ()
    decode_positions: Sequence[int] = ()
    prefill: Sequence[PrefillChunk] = ()
    scoring: Sequence[ScoringRows] = ()
    exact_logits: bool = True
    """Whether every logit counts; otherwise only the likeliest do, which may be found faster."""
    sliding_windows: set[int] = field(default_factory=set)
    """What windows the layers asked for; 0 is none."""
    _metadata: AttentionMetadata = field(init=False)

    @torch.inference_mode()
    def run(self, model: PreTrainedModel) -> BatchLogits:
        return self._split(model(**self.inputs(model.device), use_cache=False).logits[0])

    def inputs(self, device: torch.device) -> "ModelInputs":
        """What the model is called with; the KV cache has room for it from then on."""
        ids, positions = list(self.decode_token_ids), list(self.decode_positions)
        wanted = list(range(len(ids)))
        for chunk in self.prefill:
            ids += chunk.token_ids
            positions += range(chunk.start, chunk.start + chunk.num_tokens)
            wanted.append(len(ids) - 1)
        for scored in self.scoring:
            for row in scored.rows:
                wanted += range(len(ids), len(ids) + len(row))
                ids += row
                positions += range(scored.start, scored.start + len(row))
        self._reserve()
        self._metadata = AttentionMetadata(self.decode_positions, device)
        return {
            "input_ids": torch.tensor([ids], device=device),
            "position_ids": torch.tensor([positions], device=device),
            "logits_to_keep": 0 if len(wanted) == len(ids) else torch.tensor(wanted, device=device),
            "forward_batch": self,
        }

    def attend(self, layer: int, qkv: QKV, params: AttentionParams) -> torch.Tensor:
        """Attention of one layer for all tokens; returns (T, H, D)."""
        self.sliding_windows.add(params.sliding_window)
        kv = LayerKV(*self.kv_cache.layer(layer, qkv.key))
        shared = kv, params, self._metadata
        parts = []
        first = len(self.decode_token_ids)
        if first:
            parts.append(attend_decode(qkv.part(0, first), *shared))
        for chunk in self.prefill:
            own = qkv.part(first, chunk.num_tokens)
            parts.append(attend_prefill(own, *shared, slot=chunk.slot, start=chunk.start))
            first += chunk.num_tokens
        for scored in self.scoring:
            parts.append(
                attend_scoring(
                    qkv.part(first, scored.num_tokens),
                    *shared,
                    slot=scored.slot,
                    start=scored.start,
                    num_rows=len(scored.rows),
                    writes_kv=scored.writes_kv,
                )
            )
            first += scored.num_tokens
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _reserve(self) -> None:
        """Make room in the KV cache for what will be written, and a slot for each that is read."""
        slots = [len(self.decode_token_ids) - 1, *(chunk.slot for chunk in self.prefill)]
        slots += [scored.slot for scored in self.scoring]
        ends = [0, *(position + 1 for position in self.decode_positions)]
        ends += [chunk.start + chunk.num_tokens for chunk in self.prefill]
        ends += [scored.start + len(scored.rows[0]) for scored in self.scoring if scored.writes_kv]
        self.kv_cache.reserve(max(slots) + 1, max(ends))

    def _split(self, logits: torch.Tensor) -> BatchLogits:
        """`logits` (T, V) are those that were asked for, in the order of the batch."""
        num_decode = len(self.decode_token_ids)
        first = num_decode + len(self.prefill)
        split = BatchLogits(logits[:num_decode], logits[num_decode:first], [])
        for scored in self.scoring:
            own = logits[first : first + scored.num_tokens]
            split.scoring.append(own.view(len(scored.rows), len(scored.rows[0]), -1))
            first += scored.num_tokens
        return split
