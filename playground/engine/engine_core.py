"""The engine's thread: who is served, in which order, and what happens when a step fails.

How a request is answered is `seq`'s business, how many go through the model at once is `batch`'s; here is only when.
"""

import gc
import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from transformers import PreTrainedModel

from playground.engine.lora import MultiLora
from playground.engine.request_queue import FairRequestQueue
from playground.engine.scheduler import Scheduler
from playground.engine.sequence import TokenSequence
from playground.errors import EngineError, PlaygroundError
from playground.memory import out_of_memory

log = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST_GUESS_S = 2.0
_PATIENCE_S = 5.0
"""Others may go past one who waits for memory or for room for an adapter; after so long nobody does any more."""
_LATE = "The answer took longer than it was given time for. Try again, or ask for a shorter one."


@dataclass(slots=True)
class _Command:
    """Something to do between two steps; `attempt` returns None while it cannot be done yet."""

    attempt: Callable[[], object | None]
    future: "Future[Any]" = field(default_factory=Future)


class EngineCore:
    """Steps all running requests together; requests, adapters and commands come in between."""

    def __init__(
        self,
        model: PreTrainedModel,
        lora: MultiLora,
        max_num_seqs: int,
        max_queued_requests: int,
        max_total_tokens: int,
    ) -> None:
        self._lora = lora
        self._scheduler = Scheduler(model, lora, max_num_seqs, max_total_tokens)
        self._max_num_seqs = max_num_seqs
        self._changed = threading.Condition(threading.RLock())
        self._queue: FairRequestQueue[TokenSequence] = FairRequestQueue(max_queued_requests)
        self._running: list[TokenSequence] = []
        self._commands: list[_Command] = []
        self._typical_s = _FIRST_GUESS_S
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def add_request(self, seq: TokenSequence) -> None:
        """Queue a request. Raises `BusyError` when the queue is full, `EngineError` once closed."""
        with self._changed:
            self._check_open()
            wait_s = self._typical_s * (len(self._queue) + 1) / self._max_num_seqs
            displaced = self._queue.add_request(seq, wait_s)
            self._changed.notify_all()
        if displaced is not None:
            displaced.fail(self._queue.busy(wait_s))

    def call_between_steps(self, attempt: Callable[[], T | None]) -> T:
        """Run `attempt` in the engine's thread, again after each round while it returns None; blocks."""
        command = _Command(attempt)
        with self._changed:
            self._check_open()
            self._commands.append(command)
            self._changed.notify_all()
        result: T = command.future.result()
        return result

    def abort(self, wanted: Callable[[TokenSequence], bool]) -> None:
        """Cancel the requests that `wanted` says; those waiting end at once, those running before their next step."""
        with self._changed:
            for seq in [*self._running, *self._queue]:
                if wanted(seq):
                    seq.aborted = True
                    if self._queue.remove_request(seq):
                        seq.end_as_aborted()

    def in_use(self) -> set[str]:
        """The adapters of running requests."""
        with self._changed:
            return {seq.request.adapter for seq in self._running}

    def is_wanted(self, adapter: str) -> bool:
        """Whether a running or waiting request uses the adapter."""
        with self._changed:
            return any(seq.request.adapter == adapter for seq in [*self._running, *self._queue])

    def load(self) -> tuple[int, int]:
        """How many requests are running and how many wait."""
        with self._changed:
            return len(self._running), len(self._queue)

    def close(self) -> None:
        """Stop the thread; whatever runs or waits fails with a sentence."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        self._fail_all(EngineError("The playground is stopping. Start it again to go on."))

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError("The playground is stopping. Start it again to go on.")

    def _run(self) -> None:
        """Keep going whatever happens: a fault of the loop itself fails what it held, and it starts afresh."""
        while True:
            try:
                self._loop()
                return
            except BaseException:
                log.exception("the engine's loop failed and starts again")
                self._fail_all(EngineError("The model had to start again in the middle of this. Try again."))

    @torch.inference_mode()
    def _loop(self) -> None:
        while True:
            with self._changed:
                while not (self._closed or self._commands or self._queue or self._running):
                    self._changed.wait()
                if self._closed:
                    return
            self._run_commands()
            self._finish_expired()
            self._admit()
            self.step()

    def _run_commands(self) -> None:
        with self._changed:
            commands, self._commands = self._commands, []
        while commands:
            command = commands.pop(0)
            try:
                result = command.attempt()
            except Exception as error:
                command.future.set_exception(_as_playground_error(error))
                continue
            if result is not None:
                command.future.set_result(result)
                continue
            with self._changed:
                self._commands.append(command)

    def _admit(self) -> None:
        """Start waiting requests while there are places, bringing their adapters back to memory."""
        passed_over: list[TokenSequence] = []
        while len(self._running) < self._max_num_seqs:
            with self._changed:
                seq = self._queue.peek_request(self._running, passed_over)
            if seq is None:
                return
            failure: Exception | None = None
            try:
                if not self._fits(seq):
                    passed_over.append(seq)
                    if time.monotonic() - seq.arrival_time > _PATIENCE_S:
                        return
                    continue
            except Exception as error:
                failure = error
            with self._changed:
                if not self._queue.pop_request(seq):  # cancelled meanwhile
                    continue
                if failure is None:
                    self._running.append(seq)
            if failure is not None:
                seq.fail(_as_playground_error(failure))
                continue
            seq.started_at = time.monotonic()
            self._scheduler.join(seq)

    def _fits(self, seq: TokenSequence) -> bool:
        """Whether there is memory for its text, and its adapter is there now. Raises `AdapterError`."""
        adapter = seq.request.adapter
        return self._scheduler.fits(seq) and self._lora.ensure_resident(adapter, self.in_use() - {adapter})

    def step(self) -> None:
        if not self._running:
            return
        finished = None
        try:
            finished = self._scheduler.step()
        except Exception as error:
            if not out_of_memory(error):
                raise
        if finished is None:  # only out here is the failed pass itself gone from memory
            self._drop_largest()
            return
        for seq, failure in finished:
            if failure is not None:
                seq.fail(_as_playground_error(failure))
            self._finish(seq)

    def _finish_expired(self) -> None:
        """Free the places of those who have been cancelled or had their time, and end those who waited too long."""
        now = time.monotonic()
        with self._changed:
            gone = [seq for seq in [*self._queue, *self._running] if seq.aborted or seq.deadline <= now]
            for seq in gone:
                self._queue.remove_request(seq)
        for seq in gone:
            if seq in self._running:
                self._finish(seq)
            if seq.aborted:
                seq.end_as_aborted()
            else:
                seq.fail(EngineError(_LATE))

    def _drop_largest(self) -> None:
        """Memory ran out: the largest request gives way, the others try again."""
        largest = max(self._running, key=lambda one: one.num_computed_tokens + len(one.uncomputed_tokens()))
        log.warning("out of memory with %d requests; the largest gives way", len(self._running))
        largest.fail(EngineError("There is not enough memory to go on with this request. Make its text shorter."))
        self._finish(largest)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self._scheduler.trim()

    def _finish(self, seq: TokenSequence) -> None:
        self._scheduler.leave(seq)
        with self._changed:
            self._running.remove(seq)
        if not self._running:
            self._scheduler.clear()
        self._typical_s += 0.2 * (time.monotonic() - seq.started_at - self._typical_s)

    def _fail_all(self, error: EngineError) -> None:
        with self._changed:
            seqs = [*self._running, *self._queue.drain()]
            self._running.clear()
            self._scheduler.clear()
            commands, self._commands = self._commands, []
        for seq in seqs:
            try:
                seq.fail(error)
            except Exception:  # the thread must outlive whatever a request does when it is told
                log.exception("a request could not be told that it failed")
        for command in commands:
            if not command.future.done():
                command.future.set_exception(error)


def _as_playground_error(error: Exception) -> PlaygroundError:
    """The error as it is where it was written for people; otherwise one line with an id, the rest in the log."""
    if isinstance(error, PlaygroundError):
        return error
    if out_of_memory(error):
        return EngineError("There is not enough memory for this. Try again when fewer requests are running.")
    error_id = uuid.uuid4().hex[:8]
    log.error("the engine failed (%s)", error_id, exc_info=error)
    return EngineError("The model failed on this request (error {error_id}). Try again.", error_id=error_id)
