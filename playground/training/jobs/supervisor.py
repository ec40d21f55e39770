"""Start one worker process, watch it to its end, and make sure that it is gone."""

import contextlib
import logging
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from playground.data_dir import SPEC_FILE
from playground.process import LOG_FILE, STOP_FILE, start_worker, stop, tell_threads, worker_threads
from playground.training.jobs.events import Event, EventLog
from playground.training.spec import EVENTS_FILE

log = logging.getLogger(__name__)

_POLL_S = 0.1
_LAST = ("done", "stopped", "failed")
_LAST_STEP_S = 600.0
"""How long a process that was asked to stop may take over its running step, a last measurement and a checkpoint."""
_GOODBYE_S = 60.0
"""How long a process may live on after its last event: a tracker sends its last figures, or tries to for ever."""


class WorkerProcess:
    """One run of the training process in a job's folder.

    `watch` must be called in the thread that made this object, and that thread must outlive the process: Linux ends
    the worker with the thread that started it.
    """

    def __init__(
        self,
        folder: Path,
        longest_s: Callable[[], float | None] = lambda: None,
        threads: Callable[[], int] = worker_threads,
        kept_bytes: int = 0,
    ) -> None:
        """Start it; after `longest_s` seconds, if any, it is asked to stop, and ended where it does not.

        `longest_s` is asked all the time, until they are over; `threads` is asked all the time how many CPU threads it
        may use; `kept_bytes` of the GPU are not its.
        """
        self.folder = folder
        self._longest_s = longest_s
        self._threads = threads
        self._told_threads = 0
        self._started = time.monotonic()
        self._timed_out_s: float | None = None
        """The seconds that it had, once they were over."""
        self._cut_off = False
        self._ended: float | None = None
        self._events = EventLog(folder / EVENTS_FILE)
        self._num_forwarded = len(self._events.read())
        self._tell_threads()
        self._process = start_worker(
            "playground.training.worker", str(folder / SPEC_FILE), log=folder / LOG_FILE, kept_bytes=kept_bytes
        )

    def watch(self, on_event: Callable[[Event], None]) -> Event:
        """Hand on each event until the process is gone; returns how it ended, as a finished state."""
        try:
            while True:
                try:
                    code = self._process.wait(_POLL_S)
                except subprocess.TimeoutExpired:
                    self._tell_threads()
                    self._hand_on(on_event)
                    self._enforce_deadline()
                    self._reap()
                    continue
                self._hand_on(on_event)
                return self._ending(code)
        finally:  # whatever went wrong here, the next run must not train beside this one
            stop(self._process)

    def close(self, grace_s: float) -> None:
        """End the process from another thread: at once while it is loading, otherwise after its running step."""
        grace_s = grace_s if self._began() else 0.0
        if not stop(self._process, grace_s) and grace_s:
            log.warning("the training process did not stop within %s s", grace_s)

    @property
    def pid(self) -> int:
        return self._process.pid

    def _began(self) -> bool:
        events = self._events.read()
        return bool(events) and events[-1].state == "training"

    def _tell_threads(self) -> None:
        threads = self._threads()
        if threads != self._told_threads:
            with contextlib.suppress(OSError):  # no room for it: it goes on as it did
                tell_threads(self.folder, threads)
                self._told_threads = threads

    def _enforce_deadline(self) -> None:
        so_far = time.monotonic() - self._started
        if self._timed_out_s is None:
            longest_s = self._longest_s()
            if longest_s is None or so_far < longest_s:
                return
            self._timed_out_s = longest_s
            try:
                (self.folder / STOP_FILE).touch()
            except OSError:  # no room for it
                self._process.terminate()
        elif so_far >= self._timed_out_s + _LAST_STEP_S and not self._cut_off:
            self._cut_off = True
            self._process.kill()

    def _hand_on(self, on_event: Callable[[Event], None]) -> None:
        new = self._events.read(self._num_forwarded)
        self._num_forwarded += len(new)
        for event in new:
            on_event(event)
            self._ended = time.monotonic() if event.state in _LAST else None

    def _reap(self) -> None:
        if self._ended is not None and time.monotonic() - self._ended > _GOODBYE_S:
            log.warning("the training process in %s is done but does not go", self.folder.name)
            self._process.kill()

    def _ending(self, code: int) -> Event:
        events = self._events.read()
        last = events[-1] if events else Event("starting")
        minutes = max(1, round((self._timed_out_s or 0.0) / 60))
        if self._timed_out_s is not None and last.state == "stopped" and "step" in last.fields:
            return replace(
                last,
                template="It had the {minutes} minutes that a run may take here, so it was ended at step {step}; "
                "what it learnt until then is kept.",
                fields={**last.fields, "minutes": minutes},
            )
        if last.state in _LAST:
            return last
        if self._cut_off:
            return Event(
                "failed",
                "It had the {minutes} minutes that a run may take here, and was ended in the middle of a step. "
                "Start a new run with a smaller batch size, gradient_accumulation_steps or max_length.",
                {"minutes": minutes},
            )
        log.warning("the training process in %s ended with code %s", self.folder.name, code)
        if code == -9:
            return Event(
                "failed",
                "The training was ended by the system, most likely because memory ran out. "
                "Use a smaller batch size or max_length, or resume it when more memory is free.",
            )
        return Event(
            "failed", "The training process ended unexpectedly (code {code}). Resume it to go on.", {"code": code}
        )
