"""What a run keeps in its folder beside the worker's own files, and what of it is shown."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from playground.files import write_json
from playground.protocol.messages import Message
from playground.training.jobs.checkpoints import LEARNT_FOLDER, best_checkpoint, whole_checkpoints
from playground.training.jobs.job import Job
from playground.training.spec import HELD_OUT_FILE, TRAIN_FILE, load_examples

log = logging.getLogger(__name__)

SOURCE_FILE = "origin.json"
SEEN_FILE = "seen"
"""Lies there once the run's end was on the owner's screen, or was dismissed."""
MAX_SAMPLE_ROWS = 3


@dataclass(frozen=True, slots=True)
class DatasetSource:
    """Where a run's examples came from; kept beside its spec."""

    file_name: str
    format: str
    intensity: str
    learned: int
    held_out: int


@dataclass(frozen=True, slots=True)
class KeptStep:
    """A step of a run that can be made an adapter; `eval_loss` is measured on the examples set aside, if any are."""

    step: int
    eval_loss: float | None
    best: bool


def note_source(job: Job, source: DatasetSource) -> None:
    try:
        write_json(job.folder / SOURCE_FILE, asdict(source))
    except OSError:  # the run has begun already, and goes as well without
        log.exception("where the examples of the run %s came from could not be noted", job.job_id)


def read_source(job: Job) -> DatasetSource | None:
    """None where it was not noted."""
    path = job.folder / SOURCE_FILE
    if not path.exists():
        return None
    try:
        return DatasetSource(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):  # the disk damaged it
        log.warning("%s cannot be read and is left out", path)
        return None


def kept_steps(job: Job) -> Sequence[KeptStep]:
    """Oldest first."""
    kept = whole_checkpoints(job.folder / LEARNT_FOLDER)
    best = best_checkpoint(kept) if kept else None
    return [KeptStep(one.step, one.eval_loss, one is best) for one in kept]


def sample_rows(job: Job) -> Sequence[tuple[list[Message], str]]:
    """Prompts with the wanted answers: some that were set aside, else some it learnt; then the questions that it was
    watched by, without."""
    examples = load_examples(job.folder / HELD_OUT_FILE) or load_examples(job.folder / TRAIN_FILE)
    rows = [example.messages for example in examples if example.messages and len(example.messages) > 1]
    found = [(list(row[:-1]), row[-1]["content"]) for row in rows[:MAX_SAMPLE_ROWS]]
    known = {prompt[-1]["content"] for prompt, _ in found}
    watched: list[tuple[list[Message], str]] = [
        ([{"role": "user", "content": probe}], "") for probe in job.spec.probes if probe not in known
    ]
    return [*found, *watched]
