"""The engine's thread: a busy loop that admits waiting requests, runs one step for all running ones, and isolates what
fails.

What is done in a step is the scheduler's business, how it is done the model runner's; here is only when.
"""

import gc
import logging
import statistics
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import torch
from transformers import PreTrainedModel

from playground.engine.kv_cache import KVCache
from playground.engine.lora import MultiLora
from playground.engine.model_runner import ModelRunner
from playground.engine.sched.scheduler import Finished, Scheduler
from playground.engine.sequence import SequenceStatus, StepLimits, TokenSequence
from playground.engine.sequential.caches import SequenceCaches
from playground.engine.sequential.model_runner import SequentialModelRunner
from playground.errors import EngineError, PlaygroundError
from playground.gpu import spoiled
from playground.memory import give_back_idle_card, out_of_memory
from playground.sentence import N_

log = logging.getLogger(__name__)

T = TypeVar("T")

_STEPS_TIMED = 64
STOPPING = N_("The playground is stopping. Start it again to go on.")
SPOILED = N_("The GPU failed, and nothing can be answered before the playground has started again. It ends now.")
_LATE = N_("The answer took longer than it was given time for. Try again, or ask for a shorter one.")


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
        template_prefix: Sequence[int] = (),
        on_spoiled: Callable[[], None] = lambda: None,
        max_prefill_tokens: int = StepLimits().prefill_tokens,
        caches: SequenceCaches | None = None,
    ) -> None:
        """`on_spoiled` is called once the GPU can do nothing more in this process; the engine is closed then.
        `caches` are for models that are read one sequence after another."""
        self.scheduler = Scheduler(
            lora, max_num_seqs, max_queued_requests, max_total_tokens, template_prefix, max_prefill_tokens, caches
        )
        self.runner = (
            SequentialModelRunner(model, lora, caches)
            if caches is not None
            else ModelRunner(model, lora, cast(KVCache, self.scheduler.kv_cache))
        )
        self._changed = threading.Condition(self.scheduler.lock)
        self._commands: list[_Command] = []
        self._closed = ""
        """Why, once it is."""
        self._spoiled_by: Exception | None = None
        self._on_spoiled = on_spoiled
        self._steps_s: deque[float] = deque(maxlen=_STEPS_TIMED)
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def add_request(self, seq: TokenSequence) -> None:
        """Queue a request. Raises `BusyError` when the queue is full, `EngineError` once closed."""
        with self._changed:
            self._check_open()
            displaced = self.scheduler.add_request(seq)
            self._changed.notify_all()
        if displaced is not None:
            displaced.fail(self.scheduler.busy())

    def call_between_steps(self, attempt: Callable[[], T | None]) -> T:
        """Run `attempt` in the engine's thread, again after each round while it returns None; blocks."""
        command = _Command(attempt)
        with self._changed:
            self._check_open()
            self._commands.append(command)
            self._changed.notify_all()
        result: T = command.future.result()
        return result

    def step(self, only: TokenSequence | None = None) -> list[Finished]:
        """One step of all running requests, or of only one; returns who is finished.

        When it raises, none of them has changed.
        """
        began = time.perf_counter()
        scheduled = self.scheduler.schedule(only)
        logits = self.runner.execute(scheduled)
        finished = self.runner.process_outputs(scheduled, logits)
        if scheduled.decodes_one:
            self._steps_s.append(time.perf_counter() - began)
        return finished

    def step_s(self) -> float:
        """Seconds that a token takes while one request alone is answered, by the last ones; 0.0 before the first."""
        steps = tuple(self._steps_s)
        return statistics.median(steps) if steps else 0.0

    @torch.inference_mode()
    def run_busy_loop(self) -> None:
        """Serve until closed."""
        while True:
            with self._changed:
                while not (self._closed or self._commands or any(self.scheduler.num_requests())):
                    self._changed.wait()
                if self._closed:
                    return
            self._run_commands()
            self._finish_expired()
            self._admit()
            self._run_step()
            if self._spoiled_by:
                raise self._spoiled_by

    def close(self, why: str = STOPPING) -> None:
        """Stop the thread; whatever runs, waits or comes later fails with this sentence."""
        with self._changed:
            self._closed = self._closed or why
            self._changed.notify_all()
        self._thread.join()
        self._fail_all(EngineError(self._closed))

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError(self._closed)

    def _run(self) -> None:
        """Keep going whatever happens: a fault of the loop itself fails what it held, and it starts afresh."""
        while True:
            try:
                self.run_busy_loop()
                return
            except BaseException as error:
                if spoiled(error):
                    self._give_up(error)
                    return
                log.exception("the engine's loop failed and starts again")
                self._fail_all(EngineError("The model had to start again in the middle of this. Try again."))

    def _give_up(self, error: BaseException) -> None:
        log.critical("the GPU can do nothing more in this process", exc_info=error)
        with self._changed:
            self._closed = self._closed or SPOILED
        self._fail_all(EngineError(SPOILED))
        self._on_spoiled()

    def _run_commands(self) -> None:
        with self._changed:
            commands, self._commands = self._commands, []
        while commands:
            command = commands.pop(0)
            try:
                result = command.attempt()
            except Exception as error:
                command.future.set_exception(self._told(error))
                continue
            if result is not None:
                command.future.set_result(result)
                continue
            with self._changed:
                self._commands.append(command)

    def _finish_expired(self) -> None:
        """End those who were aborted, had their time, or waited too long."""
        for seq in self.scheduler.remove_expired():
            if seq.status is SequenceStatus.ABORTED:
                seq.end_as_aborted()
            else:
                seq.fail(EngineError(_LATE))

    def _admit(self) -> None:
        for seq, failure in self.scheduler.admit():
            seq.fail(self._told(failure))

    def _run_step(self) -> None:
        """A step, and what follows from it."""
        if not self.scheduler.running:
            return
        finished = self._isolated_step()
        if finished is None:
            self._free_memory()
            return
        for seq, failure in finished:
            if failure is not None:
                seq.fail(self._told(failure))
            self.scheduler.finish(seq, failed=failure is not None)
        if not self.scheduler.running:
            give_back_idle_card()

    def _isolated_step(self) -> list[Finished] | None:
        """A step; whatever fails it is found out by stepping each request alone. None: memory ran out.

        Only once this has returned is the failed pass itself gone from memory.
        """
        try:
            return self.step()
        except Exception as error:
            if out_of_memory(error):
                return None
            log.exception("a step of %d requests failed; each is asked alone", len(self.scheduler.running))
        return [found for seq in list(self.scheduler.running) for found in self._step_alone(seq)]

    def _step_alone(self, seq: TokenSequence) -> list[Finished]:
        try:
            return self.step(seq)
        except Exception as error:
            return [(seq, error)]

    def _free_memory(self) -> None:
        """Memory ran out: the prefix cache is given up, or else the largest request gives way; the others try again."""
        running = self.scheduler.running
        if self.scheduler.prefix_cache.clear():
            log.warning("out of memory with %d requests; the prefix cache is given up", len(running))
        else:
            largest = max(running, key=lambda one: one.num_computed_tokens + len(one.uncomputed_tokens()))
            log.warning("out of memory with %d requests; the largest gives way", len(running))
            largest.fail(EngineError("There is not enough memory to go on with this request. Make its text shorter."))
            self.scheduler.finish(largest, failed=True)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.scheduler.trim()

    def _told(self, error: Exception) -> PlaygroundError:
        """The error as it is where it was written for people; otherwise one line with an id, the rest in the log."""
        if isinstance(error, PlaygroundError):
            return error
        if out_of_memory(error):
            return EngineError("There is not enough memory for this. Try again when fewer requests are running.")
        if spoiled(error):
            self._spoiled_by = error
            return EngineError(SPOILED)
        error_id = uuid.uuid4().hex[:8]
        log.error("the engine failed (%s)", error_id, exc_info=error)
        return EngineError("The model failed on this request (error {error_id}). Try again.", error_id=error_id)

    def _fail_all(self, error: EngineError) -> None:
        with self._changed:
            seqs = self.scheduler.clear()
            commands, self._commands = self._commands, []
        for seq in seqs:
            try:
                seq.fail(error)
            except Exception:  # the thread must outlive whatever a request does when it is told
                log.exception("a request could not be told that it failed")
        for command in commands:
            if not command.future.done():
                command.future.set_exception(error)
