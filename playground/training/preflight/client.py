"""Finds out by trying, before a run begins, what time and memory it will take, and makes it fit.

One trial at a time on the server, in a process of its own, which stays for a while so that changed values are tried
sooner. It ends with the app, when a run begins, when its owner leaves, and when nobody asks any more.
"""

import json
import logging
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, cast

from playground.data.examples import Example
from playground.data_dir import SPEC_FILE
from playground.errors import PlaygroundError, TrainingError
from playground.process import LOG_FILE
from playground.protocol.model import Quantization
from playground.sentence import Sentence
from playground.training.jobs.job import Job, write_job
from playground.training.jobs.supervisor import environment
from playground.training.preflight.shrink import fits, smaller
from playground.training.spec import TrainingConfig, TrainingSpec

log = logging.getLogger(__name__)

IDLE_S = 60.0
MAX_TRIAL_S = 600.0
"""No single trial goes on for longer, so that nobody keeps the others waiting for good."""


@dataclass(frozen=True, slots=True)
class PreflightResult:
    """What a run with `values` takes: `seconds` from its start to its end, of which `start_s` are over before the first
    step, `peak_bytes` of the worker at most.

    `peak_bytes` is None where not even the trial found enough, and `seconds` 0 where the memory does not do.
    `token_bytes` is what each further token of a batch takes, 0 where it was not seen. `longest` is the longest row in
    tokens, as cut off.
    """

    values: TrainingConfig
    free_bytes: int
    peak_bytes: int | None = None
    token_bytes: float = 0.0
    seconds: float = 0.0
    start_s: float = 0.0
    steps: int = 0
    rows: int = 0
    truncated: int = 0
    longest: int = 0
    learnt_share: float = 0.0

    @property
    def fits(self) -> bool:
        return self.peak_bytes is not None and fits(self.peak_bytes, self.free_bytes)

    def rules_out(self, values: TrainingConfig) -> bool:
        """Whether these smaller values cannot fit either, going by what a token takes."""
        mine = self.values
        if self.peak_bytes is None or not self.token_bytes or mine.r != values.r:
            return False
        if mine.gradient_checkpointing != values.gradient_checkpointing:
            return False
        saved = self.token_bytes * (self._tokens(mine) - self._tokens(values))
        return not fits(self.peak_bytes - saved, self.free_bytes)

    def _tokens(self, values: TrainingConfig) -> int:
        """In a batch of the longest rows."""
        return min(values.per_device_train_batch_size, self.rows) * min(values.max_length, self.longest)


@dataclass(frozen=True, slots=True)
class PreflightRequest:
    """What is to be tried: the examples of a run, and the spec's part that does not change."""

    spec: TrainingSpec
    learnt: tuple[Example, ...]
    held_out: tuple[Example, ...]

    def is_like(self, other: "PreflightRequest") -> bool:
        """Whether a process that tried one can try the other."""
        mine, its = self.spec, other.spec
        return (mine.owner, mine.model, mine.quantization) == (its.owner, its.model, its.quantization) and (
            self.learnt,
            self.held_out,
        ) == (other.learnt, other.held_out)


class Preflight:
    """Thread-safe. All processes are started in one thread: Linux ends them with the thread that started them."""

    def __init__(self, folder: Path) -> None:
        """Trials lie in `folder`, each in one of its own while it goes on."""
        self._folder = folder
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="preflight")
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self._held = False

    def measure(self, sample: PreflightRequest, values: TrainingConfig) -> "Future[PreflightResult]":
        """Try these values. The future raises `TrainingError` for values that cannot begin, or when it was stopped."""
        return self._pool.submit(self._measure, sample, values)

    def fit(self, sample: PreflightRequest, values: TrainingConfig) -> "Future[PreflightResult]":
        """Try ever smaller values until they fit; the last ones tried, whether they fit or not."""
        return self._pool.submit(self._fit, sample, values)

    def stop(self, owner: str | None = None) -> None:
        """End the trial, if there is one, or only if it is this owner's."""
        with self._lock:
            process = self._process
        if process is not None and owner in (None, process.sample.spec.owner):
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

    def close(self) -> None:
        """End what goes on, and take nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.hold()
        self._pool.shutdown(wait=True)

    def pid(self) -> int | None:
        """The process that is trying now, or that waits for another question."""
        with self._lock:
            return self._process.pid if self._process is not None and self._process.lives() else None

    def _fit(self, sample: PreflightRequest, values: TrainingConfig) -> PreflightResult:
        tried = self._already(sample, values) or self._measure(sample, values)
        for changed in smaller(values, tried.longest):
            if tried.fits:
                break
            if not tried.rules_out(changed):
                tried = self._measure(sample, changed)
        return tried

    def _already(self, sample: PreflightRequest, values: TrainingConfig) -> PreflightResult | None:
        """What the page has just been told of these values."""
        with self._lock:
            there = self._process
        told = there.told if there is not None and there.sample.is_like(sample) else None
        return told if told is not None and told.values == values else None

    def _measure(self, sample: PreflightRequest, values: TrainingConfig) -> PreflightResult:
        process = self._ready(sample)
        try:
            return process.ask(values)
        except PlaygroundError:
            if not process.lives():
                process.end()
            raise

    def _ready(self, sample: PreflightRequest) -> "_Process":
        """The process that holds this sample; another one than is there ends first."""
        with self._lock:
            if self._held:
                raise TrainingError("Another run is going on, so this one is not tried now.")
            there = self._process
        if there is not None and there.lives() and there.sample.is_like(sample):
            return there
        if there is not None:
            there.end()
        started = _Process(sample, self._folder / secrets.token_hex(8))
        with self._lock:
            self._process, held = started, self._held
        if held:  # a run began in between, and could not see this one yet
            started.end()
            raise TrainingError("Another run is going on, so this one is not tried now.")
        return started


class _Process:
    """One trial's process and its folder."""

    def __init__(self, sample: PreflightRequest, folder: Path) -> None:
        self.sample = sample
        self.told: PreflightResult | None = None
        """The newest answer."""
        self._folder = folder
        job = Job(sample.spec, self._folder / "run")
        write_job(job, list(sample.learnt), list(sample.held_out))
        with (job.folder / LOG_FILE).open("ab") as log_file:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "playground.training.preflight", str(job.folder / SPEC_FILE)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log_file,
                env=environment(),
                text=True,
                start_new_session=True,
            )
        self._timer = threading.Timer(0.0, self.end)  # not started: the first question starts one
        self._ended = False

    @property
    def pid(self) -> int:
        return self._child.pid

    def lives(self) -> bool:
        return self._child.poll() is None

    def ask(self, values: TrainingConfig) -> PreflightResult:
        """Have these values tried; raises `TrainingError`."""
        self._end_in(MAX_TRIAL_S)
        asking, hearing = cast("IO[str]", self._child.stdin), cast("IO[str]", self._child.stdout)
        try:
            print(json.dumps(asdict(values)), file=asking, flush=True)
            line = hearing.readline()
        except (OSError, ValueError):
            line = ""
        if not line:
            return self._without_answer(values)
        self._end_in(IDLE_S)
        answer = json.loads(line)
        if "template" in answer:
            raise TrainingError(Sentence.from_plain(answer))
        self.told = PreflightResult(values, **{name: value for name, value in answer.items() if name != "too_much"})
        return self.told

    def _end_in(self, seconds: float) -> None:
        self._timer.cancel()
        self._timer = threading.Timer(seconds, self.end)
        self._timer.daemon = True
        self._timer.start()

    def _without_answer(self, values: TrainingConfig) -> PreflightResult:
        code = self._child.wait()
        if code == -9 and not self._ended:  # the system did it, since memory ran out
            self.end()
            self.told = PreflightResult(values, free_bytes=0)
            return self.told
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
        self._child.kill()
        self._child.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def sample_of(
    owner: str, learnt: Sequence[Example], held_out: Sequence[Example], *, model: str, quantization: Quantization
) -> PreflightRequest:
    """What a run of this owner over these examples would be tried with."""
    spec = TrainingSpec(
        job_id=secrets.token_hex(8),
        owner=owner,
        name="",
        model=model,
        quantization=quantization,
        base_fingerprint="",
        created=round(time.time(), 3),
    )
    return PreflightRequest(spec, tuple(learnt), tuple(held_out))
