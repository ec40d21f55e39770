"""Decides each step's batch: every decoding sequence one token, then chunked prefill up to a limit, then
one scoring request.

It also decides who may run at all: as many as there are slots, whose texts fit into the KV cache together, and whose
adapters fit into memory.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from playground.engine.forward_batch import PrefillChunk, ScoringRows
from playground.engine.kv_cache import CacheSlots, KVCache
from playground.engine.lora import MultiLora
from playground.engine.prefix_cache import PrefixCache
from playground.engine.sched.output import SchedulerOutput
from playground.engine.sched.request_queue import FairRequestQueue, who_gives_way
from playground.engine.scoring import LogprobsSequence
from playground.engine.sequence import GenerateSequence, SequenceStatus, StepLimits, TokenSequence
from playground.errors import BusyError
from playground.protocol.messages import BASE

_ALONE = 2
"""So many times as much of a prompt goes in where there is nobody else to wait: larger passes are a little faster."""
MAX_SPECULATING = 2
"""With more who decode, nothing is proposed."""
PREFIX_CACHE_SHARE = 1 / 8
"""Of the tokens that all running requests may hold; what these need, the prefix cache gives up."""
_FIRST_GUESS_S = 2.0
_PATIENCE_S = 5.0
"""Others may go past one who waits for memory or for room for an adapter; after so long nobody does any more."""

Finished = tuple[TokenSequence, Exception | None]
"""A request that is over, and what it failed with."""


class Scheduler:
    """The waiting and the running requests. `running[i]` has slot i.

    Any thread may add, abort and ask under `lock`; only the engine's thread may do the rest.
    """

    def __init__(
        self,
        lora: MultiLora,
        max_num_seqs: int,
        max_queued_requests: int,
        max_total_tokens: int,
        template_prefix: Sequence[int] = (),
        max_prefill_tokens: int = StepLimits().prefill_tokens,
        own_slots: CacheSlots | None = None,
    ) -> None:
        """`template_prefix` is what the chat template itself writes before a conversation; of prompts, no more than
        `max_prefill_tokens` go in at one step, so that others wait for no more than this. `own_slots` stand in the
        place of a KV cache, and cannot be cut: nothing is kept of them for others, or read ahead in them."""
        self.lock = threading.RLock()
        table = KVCache(max_num_seqs)
        self.kv_cache: CacheSlots = own_slots or table
        self._can_be_cut = own_slots is None
        kept = int(PREFIX_CACHE_SHARE * max_total_tokens) if self._can_be_cut else 0
        self.prefix_cache = PrefixCache(table, kept, template_prefix)
        self.waiting: FairRequestQueue[TokenSequence] = FairRequestQueue(max_queued_requests)
        self.running: list[TokenSequence] = []
        self._lora = lora
        self._max_num_seqs = max_num_seqs
        self._max_total_tokens = max_total_tokens
        self.max_prefill_tokens = max_prefill_tokens
        self._typical_s = _FIRST_GUESS_S
        self._step = 0

    def add_request(self, seq: TokenSequence) -> TokenSequence | None:
        """Queue a request; returns who had to give way. Raises `BusyError` when the queue is full and nobody has to."""
        with self.lock:
            displaced = self.waiting.add_request(seq, self._wait_s())
            if displaced is not None:
                displaced.status = SequenceStatus.FINISHED
            return displaced

    def busy(self) -> BusyError:
        """What one is told for whom there is no room."""
        with self.lock:
            return self.waiting.busy(self._wait_s())

    def abort(self, wanted: Callable[[TokenSequence], bool]) -> None:
        """Abort the requests that `wanted` says; those waiting end at once, those running before their next step."""
        with self.lock:
            for seq in filter(wanted, [*self.running, *self.waiting]):
                seq.status = SequenceStatus.ABORTED
                if self.waiting.remove_request(seq):
                    seq.end_as_aborted()

    def num_requests(self) -> tuple[int, int]:
        """How many are running and how many wait."""
        with self.lock:
            return len(self.running), len(self.waiting)

    def adapters_in_use(self) -> set[str]:
        """The adapters of running requests."""
        with self.lock:
            return {seq.request.adapter for seq in self.running}

    def is_adapter_wanted(self, adapter: str) -> bool:
        """Whether a running or waiting request uses the adapter."""
        with self.lock:
            return any(seq.request.adapter == adapter for seq in [*self.running, *self.waiting])

    def admit(self) -> Iterator[tuple[TokenSequence, Exception]]:
        """Start waiting requests while they fit, bringing their adapters back to memory; yields whose did not come.

        Who has more than a fair share gives way to who has less, and goes on later.
        """
        passed_over: list[TokenSequence] = []
        while True:
            with self.lock:
                seq = self.waiting.peek_request(self.running, passed_over)
            if seq is None:
                return
            self._preempt_for(seq)
            if len(self.running) >= self._max_num_seqs:
                return
            try:
                fits = self._fits(seq)
            except Exception as error:
                if self._remove_waiting(seq):
                    yield seq, error
                continue
            if fits:
                self._start(seq)
                continue
            passed_over.append(seq)
            if time.monotonic() - seq.arrival_time > _PATIENCE_S:
                return

    def schedule(self, only: TokenSequence | None = None) -> SchedulerOutput:
        """Choose who takes part in the next step, or only one; who decodes is brought to the slots from 0 on."""
        if only is not None:
            return self._schedule_others([only])
        proposed = self._propose()
        decoding = {seq.request_id for seq in self.running if _is_decoding(seq)} - proposed.keys()
        count = len(decoding)
        for slot in range(count):
            if self.running[slot].request_id not in decoding:
                others = range(count, len(self.running))
                self._swap(slot, next(i for i in others if self.running[i].request_id in decoding))
        scheduled = self._schedule_others([seq for seq in self.running[count:] if seq.request_id not in proposed])
        scheduled.decode = self.running[:count]
        for slot, seq in enumerate(self.running):
            if isinstance(seq, GenerateSequence) and seq.request_id in proposed:
                row = [*seq.uncomputed_tokens(), *proposed[seq.request_id]]
                rows = ScoringRows(slot, seq.num_computed_tokens, [row], writes_kv=True)
                scheduled.speculative.append((seq, rows))
        return scheduled

    def remove_expired(self) -> list[TokenSequence]:
        """Take out who was aborted, had its time, or waited too long."""
        now = time.monotonic()
        with self.lock:
            gone = [
                seq
                for seq in [*self.waiting, *self.running]
                if seq.status is SequenceStatus.ABORTED or seq.deadline <= now
            ]
            ran = [seq for seq in gone if not self._remove_waiting(seq)]
        for seq in ran:
            self.finish(seq)
        return gone

    def finish(self, seq: TokenSequence, failed: bool = False) -> None:
        """Free the slot of a running request. What it has computed is kept for the next."""
        self._vacate(seq, SequenceStatus.FINISHED, failed)
        if not self.running:
            self.kv_cache.clear()
        self._typical_s += 0.2 * (time.monotonic() - seq.started_at - self._typical_s)

    def trim(self) -> None:
        """Keep no more memory than those who are left have filled."""
        self.kv_cache.trim(len(self.running), max((seq.num_computed_tokens for seq in self.running), default=0))

    def clear(self) -> list[TokenSequence]:
        """Take out all, and give back the memory; returns who was there."""
        with self.lock:
            seqs = [*self.running, *self.waiting.drain()]
            self.running.clear()
        self.kv_cache.clear()
        self.prefix_cache.clear()
        return seqs

    def _wait_s(self) -> float:
        """How long who comes now may have to wait."""
        return self._typical_s * (len(self.waiting) + 1) / self._max_num_seqs

    def _fits(self, seq: TokenSequence) -> bool:
        """Whether there is room for its text, and its adapter is there now. Raises `AdapterError`."""
        if self._room_beside([*self.running, seq]) < 0:
            return False
        adapter = seq.request.adapter
        if adapter != BASE and adapter not in self._lora.resident:  # its files are read again, whatever they hold now
            self.prefix_cache.forget_adapter(adapter)
        return self._lora.ensure_resident(adapter, self.adapters_in_use() - {adapter})

    def _room_beside(self, seqs: Sequence[TokenSequence]) -> int:
        """How many tokens may be held beside these; every slot is as long as the longest text."""
        return self._max_total_tokens - len(seqs) * max((seq.max_num_tokens for seq in seqs), default=0)

    def _preempt_for(self, newcomer: TokenSequence) -> None:
        """Make a place, and room for its text, at the cost of who has more than a fair share. What was computed of an
        answer is kept where there is room, and computed anew otherwise."""
        may = sorted(self.running, key=lambda seq: seq.started_at)
        for seq in who_gives_way(newcomer, may, lambda left: self._is_room(newcomer, left)):
            with self.lock:  # nobody is to find it neither running nor waiting
                self._vacate(seq, SequenceStatus.WAITING)
                seq.restart()
                self.waiting.put_back(seq)

    def _is_room(self, newcomer: TokenSequence, others: Sequence[TokenSequence]) -> bool:
        return len(others) < self._max_num_seqs and self._room_beside([*others, newcomer]) >= 0

    def _vacate(self, seq: TokenSequence, status: SequenceStatus, failed: bool = False) -> None:
        """Take a running request out of its slot, which the last one takes over."""
        slot = self.running.index(seq)
        if not failed:
            room = self._room_beside([one for one in self.running if one is not seq])
            self.prefix_cache.keep(seq.request, seq.computed_tokens(), slot, room)
        with self.lock:
            last = self.running.pop()
            if last is not seq:
                self.running[slot] = last
            if seq.status is SequenceStatus.RUNNING:
                seq.status = status
        if last is not seq and last.num_computed_tokens:
            self.kv_cache.move_slot(len(self.running), slot, last.num_computed_tokens)

    def _start(self, seq: TokenSequence) -> None:
        slot = len(self.running)
        self.kv_cache.clear_slot(slot)
        self.prefix_cache.shrink(self._room_beside([*self.running, seq]))
        seq.num_computed_tokens = self.prefix_cache.restore(seq.request, seq.uncomputed_tokens(), slot)
        with self.lock:
            if not self.waiting.pop_request(seq):  # aborted meanwhile
                return
            self.running.append(seq)
            seq.status = SequenceStatus.RUNNING
            seq.started_at = time.monotonic()

    def _remove_waiting(self, seq: TokenSequence) -> bool:
        """False when it is not waiting (any more)."""
        with self.lock:
            removed = self.waiting.remove_request(seq)
            if removed:
                seq.status = SequenceStatus.FINISHED
        return removed

    def _swap(self, slot: int, other: int) -> None:
        one, two = self.running[slot], self.running[other]
        self.kv_cache.swap_slots(slot, other, max(one.num_computed_tokens, two.num_computed_tokens))
        with self.lock:
            self.running[slot], self.running[other] = two, one

    def _propose(self) -> dict[str, list[int]]:
        """What may follow, by request, of those who decode; with many of them a pass has enough tokens without."""
        decoding = [seq for seq in self.running if isinstance(seq, GenerateSequence) and _is_decoding(seq)]
        if len(decoding) > MAX_SPECULATING or not self._can_be_cut:
            return {}
        return {seq.request_id: proposed for seq in decoding if (proposed := seq.propose_tokens())}

    def _schedule_others(self, seqs: Sequence[TokenSequence]) -> SchedulerOutput:
        """Short prompts go first: whoever waits for a long one is not held up by it, and its own wait hardly grows."""
        scheduled = SchedulerOutput()
        room = self.max_prefill_tokens * (_ALONE if len(self.running) == 1 and not self.waiting else 1)
        for seq in sorted(seqs, key=lambda one: len(one.uncomputed_tokens())):
            if token_ids := seq.uncomputed_tokens()[:room]:
                chunk = PrefillChunk(self.running.index(seq), seq.num_computed_tokens, token_ids)
                scheduled.prefill.append((seq, chunk))
                room -= len(token_ids)
        ready = [seq for seq in seqs if isinstance(seq, LogprobsSequence) and not seq.uncomputed_tokens()]
        if ready:  # one a step, in turns: each is as large as a pass may be
            scored = min(ready, key=lambda one: one.last_scored_step)
            self._step += 1
            scored.last_scored_step = self._step
            rows = scored.rows_to_score()
            slot = self.running.index(scored)
            scheduled.scoring.append((scored, ScoringRows(slot, scored.num_computed_tokens, rows, scored.writes_kv)))
        return scheduled


def _is_decoding(seq: TokenSequence) -> bool:
    """Whether only one token is to be computed, after others."""
    return seq.num_computed_tokens > 0 and len(seq.uncomputed_tokens()) == 1
