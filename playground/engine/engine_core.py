"""The engine's thread: who is served, in which order, and what happens when a step fails.

How a request is answered is `work`'s business, how many go through the model at once is `batch`'s; here is only when.
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

from playground.engine.lora import LoraRouter
from playground.engine.request_queue import FairQueue
from playground.engine.scheduler import Batch
from playground.engine.sequence import Work
from playground.errors import EngineError, PlaygroundError
from playground.memory import out_of_memory
from playground.sentence import N_

log = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST_GUESS_S = 2.0
_PATIENCE_S = 5.0
"""Others may go past one who waits for memory or for room for an adapter; after so long nobody does any more."""
_LATE = N_("The answer took longer than it was given time for. Try again, or ask for a shorter one.")


@dataclass(slots=True)
class _Command:
    """Something to do between two steps; `attempt` returns None while it cannot be done yet."""

    attempt: Callable[[], object | None]
    future: "Future[Any]" = field(default_factory=Future)


class StepLoop:
    """Steps all running requests together; requests, adapters and commands come in between."""

    def __init__(
        self, model: PreTrainedModel, router: LoraRouter, max_running: int, max_waiting: int, most_tokens: int
    ) -> None:
        self._router = router
        self._batch = Batch(model, router, max_running, most_tokens)
        self._max_running = max_running
        self._changed = threading.Condition(threading.RLock())
        self._queue: FairQueue[Work] = FairQueue(max_waiting)
        self._running: list[Work] = []
        self._commands: list[_Command] = []
        self._typical_s = _FIRST_GUESS_S
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def enqueue(self, work: Work) -> None:
        """Queue a request. Raises `BusyError` when the queue is full, `EngineError` once closed."""
        with self._changed:
            self._check_open()
            wait_s = self._typical_s * (len(self._queue) + 1) / self._max_running
            displaced = self._queue.push(work, wait_s)
            self._changed.notify_all()
        if displaced is not None:
            displaced.fail(self._queue.busy(wait_s))

    def between_steps(self, attempt: Callable[[], T | None]) -> T:
        """Run `attempt` in the engine's thread, again after each round while it returns None; blocks."""
        command = _Command(attempt)
        with self._changed:
            self._check_open()
            self._commands.append(command)
            self._changed.notify_all()
        result: T = command.future.result()
        return result

    def cancel(self, wanted: Callable[[Work], bool]) -> None:
        """Cancel the requests that `wanted` says; those waiting end at once, those running before their next step."""
        with self._changed:
            for work in [*self._running, *self._queue]:
                if wanted(work):
                    work.cancelled = True
                    if self._queue.remove(work):
                        work.end_as_cancelled()

    def in_use(self) -> set[str]:
        """The adapters of running requests."""
        with self._changed:
            return {work.request.adapter for work in self._running}

    def is_wanted(self, adapter: str) -> bool:
        """Whether a running or waiting request uses the adapter."""
        with self._changed:
            return any(work.request.adapter == adapter for work in [*self._running, *self._queue])

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
            self._let_go()
            self._admit()
            self._step_all()

    def _run_commands(self) -> None:
        with self._changed:
            commands, self._commands = self._commands, []
        while commands:
            command = commands.pop(0)
            try:
                result = command.attempt()
            except Exception as error:
                command.future.set_exception(_in_words(error))
                continue
            if result is not None:
                command.future.set_result(result)
                continue
            with self._changed:
                self._commands.append(command)

    def _admit(self) -> None:
        """Start waiting requests while there are places, bringing their adapters back to memory."""
        passed_over: list[Work] = []
        while len(self._running) < self._max_running:
            with self._changed:
                work = self._queue.next(self._running, passed_over)
            if work is None:
                return
            failure: Exception | None = None
            try:
                if not self._fits(work):
                    passed_over.append(work)
                    if time.monotonic() - work.queued_at > _PATIENCE_S:
                        return
                    continue
            except Exception as error:
                failure = error
            with self._changed:
                if not self._queue.take(work):  # cancelled meanwhile
                    continue
                if failure is None:
                    self._running.append(work)
            if failure is not None:
                work.fail(_in_words(failure))
                continue
            work.started_at = time.monotonic()
            self._batch.join(work)

    def _fits(self, work: Work) -> bool:
        """Whether there is memory for its text, and its adapter is there now. Raises `AdapterError`."""
        adapter = work.request.adapter
        return self._batch.fits(work) and self._router.ensure_resident(adapter, self.in_use() - {adapter})

    def _step_all(self) -> None:
        if not self._running:
            return
        finished = None
        try:
            finished = self._batch.step()
        except Exception as error:
            if not out_of_memory(error):
                raise
        if finished is None:  # only out here is the failed pass itself gone from memory
            self._relieve()
            return
        for work, failure in finished:
            if failure is not None:
                work.fail(_in_words(failure))
            self._leave(work)

    def _let_go(self) -> None:
        """Free the places of those who have been cancelled or had their time, and end those who waited too long."""
        now = time.monotonic()
        with self._changed:
            gone = [work for work in [*self._queue, *self._running] if work.cancelled or work.deadline <= now]
            for work in gone:
                self._queue.remove(work)
        for work in gone:
            if work in self._running:
                self._leave(work)
            if work.cancelled:
                work.end_as_cancelled()
            else:
                work.fail(EngineError(_LATE))

    def _relieve(self) -> None:
        """Memory ran out: the largest request gives way, the others try again."""
        largest = max(self._running, key=lambda one: one.fed + len(one.pending()))
        log.warning("out of memory with %d requests; the largest gives way", len(self._running))
        largest.fail(EngineError("There is not enough memory to go on with this request. Make its text shorter."))
        self._leave(largest)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self._batch.trim()

    def _leave(self, work: Work) -> None:
        self._batch.leave(work)
        with self._changed:
            self._running.remove(work)
        if not self._running:
            self._batch.clear()
        self._typical_s += 0.2 * (time.monotonic() - work.started_at - self._typical_s)

    def _fail_all(self, error: EngineError) -> None:
        with self._changed:
            works = [*self._running, *self._queue.drain()]
            self._running.clear()
            self._batch.clear()
            commands, self._commands = self._commands, []
        for work in works:
            try:
                work.fail(error)
            except Exception:  # the thread must outlive whatever a request does when it is told
                log.exception("a request could not be told that it failed")
        for command in commands:
            if not command.future.done():
                command.future.set_exception(error)


def _in_words(error: Exception) -> PlaygroundError:
    """The error as it is where it was written for people; otherwise one line with an id, the rest in the log."""
    if isinstance(error, PlaygroundError):
        return error
    if out_of_memory(error):
        return EngineError("There is not enough memory for this. Try again when fewer requests are running.")
    error_id = uuid.uuid4().hex[:8]
    log.error("the engine failed (%s)", error_id, exc_info=error)
    return EngineError("The model failed on this request (error {error_id}). Try again.", error_id=error_id)
