"""The running requests and their slots: who feeds what to the next pass, and who gets which logits."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from transformers import PreTrainedModel

from playground.engine.forward_batch import ForwardBatch, PrefillChunk, ScoringRows
from playground.engine.kv_cache import KVCache
from playground.engine.lora import LoraSegment, MultiLora
from playground.engine.sampler import sample_batch
from playground.engine.sequence import MAX_PREFILL_TOKENS, TokenSequence
from playground.memory import out_of_memory

log = logging.getLogger(__name__)

Finished = tuple[TokenSequence, Exception | None]
"""A request whose place is free again, and what it failed with."""


@dataclass(slots=True)
class SchedulerOutput:
    """Who takes part in a pass, in the pass's own order."""

    decode: list[TokenSequence]
    prefill: list[tuple[TokenSequence, PrefillChunk]]
    scoring: list[tuple[TokenSequence, ScoringRows]]


class Scheduler:
    """Only the engine's thread may use it. The request at index i of `_seqs` has place i."""

    def __init__(self, model: PreTrainedModel, lora: MultiLora, max_num_seqs: int, max_total_tokens: int) -> None:
        self._model = model
        self._lora = lora
        self._max_num_seqs = max_num_seqs
        self._max_total_tokens = max_total_tokens
        self.kv_cache = KVCache(max_num_seqs)
        self._seqs: list[TokenSequence] = []
        self._turn = 0

    def fits(self, seq: TokenSequence) -> bool:
        """Whether its text finds room beside those who run: every place is as long as the longest text."""
        longest = max(one.max_num_tokens for one in [*self._seqs, seq])
        return (len(self._seqs) + 1) * longest <= self._max_total_tokens

    def join(self, seq: TokenSequence) -> None:
        self.kv_cache.clear_slot(len(self._seqs))
        self._seqs.append(seq)

    def leave(self, seq: TokenSequence) -> None:
        """Free its place, which the last request takes over; one that never joined is left alone."""
        if seq not in self._seqs:
            return
        index = self._seqs.index(seq)
        last = self._seqs.pop()
        if last is not seq:
            self._seqs[index] = last
            if last.num_computed_tokens:
                self.kv_cache.move_slot(len(self._seqs), index, last.num_computed_tokens)

    def clear(self) -> None:
        self._seqs.clear()
        self.kv_cache = KVCache(self._max_num_seqs)

    def trim(self) -> None:
        """Keep no more memory than those who are left have filled."""
        self.kv_cache.trim(len(self._seqs), max((seq.num_computed_tokens for seq in self._seqs), default=0))

    def step(self) -> list[Finished]:
        """One pass with all; returns who is finished. Whatever fails a pass is found out by asking each alone.

        Memory that runs out is raised, and nothing has happened then.
        """
        scheduled = self.schedule()
        try:
            logits = self.execute(scheduled)
        except Exception as error:
            if out_of_memory(error):
                raise
            log.exception("a pass with %d requests failed; each is asked alone", len(self._seqs))
            return [found for seq in list(self._seqs) for found in self._alone(seq)]
        return self.process_outputs(scheduled, logits)

    def _alone(self, seq: TokenSequence) -> list[Finished]:
        scheduled = self._schedule_waiting_for_logits([seq])
        try:
            return self.process_outputs(scheduled, self.execute(scheduled))
        except Exception as error:
            return [(seq, error)]

    def schedule(self) -> SchedulerOutput:
        """Those who get one token each come first, in the slots from 0 on."""
        count = sum(_streams(seq) for seq in self._seqs)
        for index in range(count):
            if not _streams(self._seqs[index]):
                other = next(i for i in range(count, len(self._seqs)) if _streams(self._seqs[i]))
                one, two = self._seqs[index], self._seqs[other]
                self.kv_cache.swap_slots(index, other, max(one.num_computed_tokens, two.num_computed_tokens))
                self._seqs[index], self._seqs[other] = two, one
        scheduled = self._schedule_waiting_for_logits(self._seqs[count:])
        scheduled.decode = self._seqs[:count]
        return scheduled

    def _schedule_waiting_for_logits(self, seqs: Sequence[TokenSequence]) -> SchedulerOutput:
        """Short prompts go first: whoever waits for a long one is not held up by it, and its own wait hardly grows."""
        scheduled = SchedulerOutput([], [], [])
        room = MAX_PREFILL_TOKENS
        for seq in sorted(seqs, key=lambda one: len(one.uncomputed_tokens())):
            if pending := seq.uncomputed_tokens()[:room]:
                scheduled.prefill.append((seq, PrefillChunk(self._seqs.index(seq), seq.num_computed_tokens, pending)))
                room -= len(pending)
        scoring = [seq for seq in seqs if not seq.uncomputed_tokens()]
        if scoring:  # one a pass, in turns: each is as large as a pass may be
            seq = min(scoring, key=lambda one: one.last_scored_step)
            self._turn += 1
            seq.last_scored_step = self._turn
            rows = seq.rows_to_score()
            scheduled.scoring.append(
                (seq, ScoringRows(self._seqs.index(seq), seq.num_computed_tokens, rows, seq.writes_kv))
            )
        return scheduled

    def execute(self, scheduled: SchedulerOutput) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
        segments = [_route(seq, 1) for seq in scheduled.decode]
        segments += [_route(seq, len(chunk.token_ids)) for seq, chunk in scheduled.prefill]
        segments += [_route(seq, len(found.rows) * len(found.rows[0])) for seq, found in scheduled.scoring]
        batch = ForwardBatch(
            self.kv_cache,
            [seq.uncomputed_tokens()[0] for seq in scheduled.decode],
            [seq.num_computed_tokens for seq in scheduled.decode],
            [chunk for _, chunk in scheduled.prefill],
            [branches for _, branches in scheduled.scoring],
        )
        with self._lora.applied(segments):
            return batch.run(self._model)

    def process_outputs(
        self, scheduled: SchedulerOutput, logits: tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]
    ) -> list[Finished]:
        singles, lasts, branched = logits
        given = [(seq, 1) for seq in scheduled.decode]
        given += [(seq, len(chunk.token_ids)) for seq, chunk in scheduled.prefill]
        rows = (
            torch.cat((singles, lasts))
            if scheduled.prefill and scheduled.decode
            else singles
            if scheduled.decode
            else lasts
        )
        choosing = [
            (row, sampler) for row, (seq, count) in enumerate(given) if (sampler := seq.sampler_for_next(count))
        ]
        chosen: dict[int, int | Exception] = {}
        if choosing:
            rows_of = [row for row, _ in choosing]
            asked = rows if len(rows_of) == len(rows) else rows[rows_of]
            chosen = dict(zip(rows_of, sample_batch([sampler for _, sampler in choosing], asked), strict=True))
        finished: list[Finished] = []
        for row, (seq, count) in enumerate(given):
            finished += _told(seq, partial(_take, seq, count, rows[row], chosen.get(row)))
        for (seq, _), table in zip(scheduled.scoring, branched, strict=True):
            finished += _told(seq, partial(seq.take_scores, table))
        return finished


def _told(seq: TokenSequence, take: Callable[[], bool]) -> list[Finished]:
    """What fails here is this one request's own fault."""
    try:
        return [(seq, None)] if take() else []
    except Exception as error:
        return [(seq, error)]


def _take(seq: TokenSequence, count: int, logits: torch.Tensor, token: int | Exception | None) -> bool:
    if isinstance(token, Exception):
        raise token
    done = seq.advance(count, logits)
    return done if token is None else seq.append_token(token)


def _streams(seq: TokenSequence) -> bool:
    """Whether it is past its prompt and waits for its next token."""
    return seq.num_computed_tokens > 0 and len(seq.uncomputed_tokens()) == 1


def _route(seq: TokenSequence, tokens: int) -> LoraSegment:
    return LoraSegment(seq.request.adapter, seq.request.strength, tokens)
