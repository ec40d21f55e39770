"""One training run on disk: its folder, found by owner and id."""

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.data_dir import SPEC_FILE, DataDir
from playground.errors import TrainingError
from playground.process import STOP_FILE
from playground.sentence import N_
from playground.training.jobs.events import Event, EventLog
from playground.training.jobs.state import JobState, summarize
from playground.training.spec import (
    EVENTS_FILE,
    FACTS_FILE,
    HELD_OUT_FILE,
    TRAIN_FILE,
    StoredExamples,
    TrainingSpec,
)

log = logging.getLogger(__name__)

GONE = N_("The folder of this training run is gone from the disk, so it cannot go on. Start a new run.")
INTERRUPTED = Event("interrupted", "The app was closed before this run ended. Resume it to go on.", settled=True)


@dataclass(frozen=True, slots=True)
class Job:
    """One run and its folder."""

    spec: TrainingSpec
    folder: Path

    @property
    def job_id(self) -> str:
        return self.spec.job_id

    @property
    def owner(self) -> str:
        return self.spec.owner

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def log(self) -> EventLog:
        return EventLog(self.folder / EVENTS_FILE)

    def state(self, *unwritten: Event) -> JobState:
        """Where the run stands; `unwritten` are last words that the disk had no room for."""
        stopped = (self.folder / STOP_FILE).exists()
        return summarize([*self.log.read(), *unwritten], self.job_id, self.name, self.spec.created, stopped)

    def work(self) -> float:
        """How much there is to read, in bytes, all times through the examples; 0 where they are gone."""
        rows, values = self.folder / TRAIN_FILE, self.spec.values
        try:
            if values.max_steps <= 0:
                return rows.stat().st_size * values.epochs
            whole = rows.read_bytes()
        except OSError:
            return 0.0
        seen = values.max_steps * values.per_device_train_batch_size * values.gradient_accumulation_steps
        return len(whole) / max(1, whole.count(b"\n")) * seen

    def facts(self) -> dict[str, Any]:
        """For the adapter's card: rows, held-out losses before and after, best step, seconds, settings, the data's
        SHA-256, versions. Empty until there is a result."""
        path = self.folder / FACTS_FILE
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def is_left_over(job: Job) -> bool:
    """Whether a dead app left the run behind; it is not running any more, as its worker died with the app."""
    events = job.log.read()
    return not events or not events[-1].settled


def write_job(job: Job, train: StoredExamples, held_out: StoredExamples) -> None:
    """Write a new run's folder, the spec last; raises `TrainingError` on a full disk, and nothing of it stays."""
    try:
        with write_failure_as_error(job):
            job.folder.mkdir(parents=True)
            train.save(job.folder / TRAIN_FILE)
            held_out.save(job.folder / HELD_OUT_FILE)
            job.spec.save(job.folder)
    except TrainingError:
        remove_job(job)
        raise


@contextmanager
def write_failure_as_error(job: Job) -> Iterator[None]:
    """Make a disk that takes no more a sentence for the person."""
    try:
        yield
    except OSError as error:
        log.exception("the training run %s could not be written", job.job_id)
        raise TrainingError(
            "The training run could not be written to the disk ({reason}). Make room and try again.",
            reason=error.strerror or type(error).__name__,
        ) from error


def remove_job(job: Job) -> None:
    """Delete a run's folder, the spec first: what a crash leaves of it is no run any more."""
    (job.folder / SPEC_FILE).unlink(missing_ok=True)
    shutil.rmtree(job.folder, ignore_errors=True)


def find_jobs(data: DataDir) -> Iterator[Job]:
    for path in sorted(path for home in data.all_jobs() for path in home.glob(f"*/{SPEC_FILE}")):
        try:
            yield Job(TrainingSpec.load(path), path.parent)
        except TrainingError:
            log.exception("the training run in %s is left out", path.parent)
