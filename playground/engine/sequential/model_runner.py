"""Runs what the scheduler chose, one sequence after another on caches of their own: slower than one pass for all, and
for any model that transformers can make."""

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel

from playground.engine.forward_batch import BatchLogits
from playground.engine.lora import MultiLora
from playground.engine.lora_stack import LoraSegment
from playground.engine.model_runner import ModelRunner
from playground.engine.sched.output import SchedulerOutput
from playground.engine.sequence import TokenSequence
from playground.engine.sequential.caches import SequenceCaches


class SequentialModelRunner(ModelRunner):
    """Only the engine's thread may use it."""

    def __init__(self, model: PreTrainedModel, lora: MultiLora, caches: SequenceCaches) -> None:
        self._model = model
        self._lora = lora
        self._caches = caches

    def execute(self, scheduled: SchedulerOutput) -> BatchLogits:
        """A pass for each, through its own request's adapter; where one raises, all of them begin anew."""
        try:
            return self._execute(scheduled)
        except Exception:  # some have read on, and a cache cannot be cut
            slots = [*range(len(scheduled.decode)), *(chunk.slot for _, chunk in scheduled.prefill)]
            for slot in [*slots, *(rows.slot for _, rows in scheduled.scoring)]:
                self._caches.clear_slot(slot)
            for seq in scheduled.sequences():
                seq.restart()
            raise

    def _execute(self, scheduled: SchedulerOutput) -> BatchLogits:
        decode = [
            self._read(seq, slot, seq.num_computed_tokens, seq.uncomputed_tokens()[:1])
            for slot, seq in enumerate(scheduled.decode)
        ]
        prefill = [self._read(seq, chunk.slot, chunk.start, chunk.token_ids) for seq, chunk in scheduled.prefill]
        scoring = []
        for seq, rows in scheduled.scoring:
            if rows.writes_kv:
                scoring.append(self._read(seq, rows.slot, rows.start, rows.rows[0], all_logits=True)[None])
                continue
            self._caches.go_back(rows.slot, rows.start)
            branches = (self._caches.branch(rows.slot) for _ in rows.rows)
            scored = zip(branches, rows.rows, strict=True)
            scoring.append(torch.stack([self._forward(seq, one, 0, row, True) for one, row in scored]))
        return BatchLogits(_below(decode), _below(prefill), scoring)

    def logits(self, token_ids: Sequence[int]) -> torch.Tensor:
        """(T, V) of a text by itself, through what is applied now."""
        return self._caches.empty().forward(self._model, 0, token_ids, all_logits=True)

    def _read(
        self, seq: TokenSequence, slot: int, start: int, token_ids: Sequence[int], all_logits: bool = False
    ) -> torch.Tensor:
        """Go on at `start` of a slot; where its prompt ends, scores may have to go back to."""
        self._caches.go_back(slot, start)
        if all_logits and start == len(seq.request.prompt_token_ids):
            self._caches.mark(slot)
        return self._forward(seq, self._caches, slot, token_ids, all_logits)

    def _forward(
        self, seq: TokenSequence, caches: SequenceCaches, slot: int, token_ids: Sequence[int], all_logits: bool
    ) -> torch.Tensor:
        with self._lora.applied([LoraSegment(seq.request.adapter, seq.request.strength, len(token_ids))]):
            return caches.forward(self._model, slot, token_ids, all_logits)


def _below(rows: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.cat(list(rows)) if rows else torch.empty(0, 0)
