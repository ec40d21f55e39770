"""Finds out by trying, before a run begins, what time and memory it will take, and makes it fit.

One trial at a time on the server, in a process of its own, which stays for a while so that changed values are tried
sooner. It ends with the app, when a run begins, when its owner leaves, and when nobody asks any more.
"""

import contextlib
import json
import logging
import secrets
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

from playground.data_dir import SPEC_FILE
from playground.errors import PlaygroundError, TrainingError
from playground.process import LOG_FILE, all_cores, start_worker, stop, tell_threads
from playground.sentence import Sentence
from playground.training.config import TrainingConfig
from playground.training.jobs.job import Job, write_job
from playground.training.preflight.result import PreflightRequest, PreflightResult
from playground.training.preflight.shrink import candidates

log = logging.getLogger(__name__)

IDLE_S = 60.0
MAX_TRIAL_S = 600.0
"""No single trial goes on for longer, so that nobody keeps the others waiting for good."""


class Preflight:
    """Thread-safe. All processes are started in one thread: Linux ends them with the thread that started them."""

    def __init__(
        self, folder: Path, threads: Callable[[], int] = all_cores, kept_bytes: Callable[[], int] = lambda: 0
    ) -> None:
        """Trials lie in `folder`, each in one of its own while it goes on, and use as many CPU threads as `threads`
        says when they begin; `kept_bytes` says what of a GPU's memory is not theirs."""
        self._folder = folder
        self._threads = threads
        self._kept_bytes = kept_bytes
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="preflight")
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self._held = False

    def measure(self, request: PreflightRequest, values: TrainingConfig) -> "Future[PreflightResult]":
        """Try these values. The future raises `TrainingError` for values that cannot begin, or when it was stopped."""
        return self._pool.submit(self._measure, request, values)

    def fit(self, request: PreflightRequest, values: TrainingConfig) -> "Future[PreflightResult]":
        """Try ever smaller values until they fit; the last ones tried, whether they fit or not."""
        return self._pool.submit(self._fit, request, values)

    def stop(self, owner: str | None = None) -> None:
        """End the trial, if there is one, or only if it is this owner's."""
        with self._lock:
            process = self._process
        if process is not None and owner in (None, process.request.spec.owner):
            process.end()

    def hold(self) -> None:
        """End what goes on, and try nothing until `release`: a run needs the cores, and would be measured with."""
        with self._lock:
            self._held = True
        self.stop()

    def release(self) -> None:
        """Try again."""
        with self._lock:
            self._held = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it while the block goes on."""
        self.hold()
        try:
            yield
        finally:
            self.release()

    def close(self) -> None:
        """End what goes on, and take nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.hold()
        self._pool.shutdown(wait=True)

    def pid(self) -> int | None:
        """The process that is trying now, or that waits for another question."""
        with self._lock:
            return self._process.pid if self._process is not None and self._process.lives() else None

    def _fit(self, request: PreflightRequest, values: TrainingConfig) -> PreflightResult:
        tried = self._already(request, values) or self._measure(request, values)
        for changed in candidates(values, tried.longest):
            if tried.fits:
                break
            if not tried.rules_out(changed):
                tried = self._measure(request, changed)
        return tried

    def _already(self, request: PreflightRequest, values: TrainingConfig) -> PreflightResult | None:
        """What the page has just been told of these values."""
        with self._lock:
            there = self._process
        newest = there.newest if there is not None and there.request.is_like(request) else None
        return replace(newest, values=values) if newest and newest.values.takes_as_much_as(values) else None

    def _measure(self, request: PreflightRequest, values: TrainingConfig) -> PreflightResult:
        process = self._ready(request)
        try:
            return process.ask(values, self._threads())
        except PlaygroundError:
            if not process.lives():
                process.end()
            raise

    def _ready(self, request: PreflightRequest) -> "_Process":
        """The process that holds this request; another one than is there ends first."""
        with self._lock:
            if self._held:
                raise TrainingError("Another run is going on, so this one is not tried now.")
            there = self._process
        if there is not None and there.lives() and there.request.is_like(request):
            return there
        if there is not None:
            there.end()
        started = _Process(request, self._folder / secrets.token_hex(8), self._kept_bytes())
        with self._lock:
            self._process, held = started, self._held
        if held:  # a run began in between, and could not see this one yet
            started.end()
            raise TrainingError("Another run is going on, so this one is not tried now.")
        return started


class _Process:
    """One trial's process and its folder."""

    def __init__(self, request: PreflightRequest, folder: Path, kept_bytes: int) -> None:
        self.request = request
        self.newest: PreflightResult | None = None
        """The newest answer."""
        self._folder = folder
        job = Job(request.spec, self._folder / "run")
        write_job(job, request.train, request.held_out)
        self._child = start_worker(
            "playground.training.preflight",
            str(job.folder / SPEC_FILE),
            log=job.folder / LOG_FILE,
            stdin=subprocess.PIPE,
            kept_bytes=kept_bytes,
        )
        self._timer = threading.Timer(0.0, self.end)  # not started: the first question starts one
        self._ended = False

    @property
    def pid(self) -> int:
        return self._child.pid

    def lives(self) -> bool:
        return self._child.poll() is None

    def ask(self, values: TrainingConfig, threads: int) -> PreflightResult:
        """Have these values tried; raises `TrainingError`."""
        self._end_in(MAX_TRIAL_S)
        with contextlib.suppress(OSError):
            tell_threads(self._folder / "run", threads)
        asking, hearing = cast("IO[str]", self._child.stdin), cast("IO[str]", self._child.stdout)
        try:
            print(values.model_dump_json(), file=asking, flush=True)
            line = hearing.readline()
        except (OSError, ValueError):
            line = ""
        if not line:
            return self._without_answer(values)
        self._end_in(IDLE_S)
        answer = json.loads(line)
        if "template" in answer:
            raise TrainingError(Sentence.from_plain(answer))
        self.newest = PreflightResult(values, **{name: value for name, value in answer.items() if name != "too_much"})
        return self.newest

    def _end_in(self, seconds: float) -> None:
        self._timer.cancel()
        self._timer = threading.Timer(seconds, self.end)
        self._timer.daemon = True
        self._timer.start()

    def _without_answer(self, values: TrainingConfig) -> PreflightResult:
        code = self._child.wait()
        if code == -9 and not self._ended:  # the system did it, since memory ran out
            self.end()
            self.newest = PreflightResult(values, free_bytes=0)
            return self.newest
        if not self._ended:
            log.error("a trial ended with code %s:\n%s", code, self._log_tail())
        self.end()
        raise TrainingError("The trial was ended before it had measured anything. Try again.")

    def _log_tail(self) -> str:
        return (self._folder / "run" / LOG_FILE).read_text(encoding="utf-8", errors="replace")[-3000:]

    def end(self) -> None:
        """Kill the process: nothing of what it does is kept."""
        self._ended = True
        self._timer.cancel()
        stop(self._child)
        shutil.rmtree(self._folder, ignore_errors=True)
