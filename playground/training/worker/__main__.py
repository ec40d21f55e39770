"""The process that trains: `python -m playground.training.worker FOLDER/spec.json`.

It works in the spec's folder: reads the examples, appends to `events.jsonl`, publishes `checkpoints/` and at the end
`adapter/` (PEFT format) and `facts.json`. SIGTERM or a file named `stop` ends it after the running step, with what
was learnt so far, by SIGTERM without a last measurement. Started again on the same folder, it goes on from the newest
whole checkpoint. Under `accelerate launch` several of it train together on one folder; the first alone writes.
"""

import json
import logging
import os
import secrets
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from playground.errors import PlaygroundError
from playground.files import write_text
from playground.process import LOG_FILE, StopRequest, become_worker, use_told_threads
from playground.training.jobs.checkpoints import (
    CHECKPOINTS_FOLDER,
    TMP_FOLDER,
    best_checkpoint,
    copy_adapter,
    whole_checkpoints,
)
from playground.training.jobs.events import Event, EventLog, failure
from playground.training.spec import ADAPTER_FOLDER, EVENTS_FILE, FACTS_FILE, TrainingSpec
from playground.training.worker.distributed import is_main_process
from playground.training.worker.facts import run_facts, training_curve
from playground.training.worker.failures import unexpected
from playground.training.worker.inputs import load_base, tokenize_run

if TYPE_CHECKING:  # these bring torch, which may be imported only after `become_worker`
    from playground.models.loader import LoadedModel
    from playground.training.tokenization import TokenizedDataset
    from playground.training.worker.run import StopReason

Tell = Callable[[Event], None]

log = logging.getLogger("playground.training.worker")


def main(arguments: list[str]) -> int:
    """Run one spec; returns the exit code, 0 when there is a result."""
    if len(arguments) != 1:
        print("usage: python -m playground.training.worker SPEC.json", file=sys.stderr)
        return 2
    spec_path = Path(arguments[0]).absolute()
    folder = spec_path.parent
    tell = EventLog(folder / EVENTS_FILE).write if is_main_process() else _say_nothing
    tell(Event("starting", "Getting ready…"))
    stop = StopRequest(folder)
    try:
        spec = TrainingSpec.load(spec_path)
        become_worker(folder / LOG_FILE, offline=Path(spec.model).expanduser().is_dir() or spec.model == "starter")
        tell(_run(spec, folder, tell, stop))
    except PlaygroundError as error:
        log.exception("the run failed")
        tell(failure(error))
    except Exception as error:
        log_id = secrets.token_hex(4)
        log.exception("the run failed, id %s", log_id)
        tell(unexpected(error, log_id))
    else:
        return 0
    return 1


def _run(spec: TrainingSpec, folder: Path, tell: Tell, stop: StopRequest) -> Event:
    """Load, tokenize, train, and put the best checkpoint in place as the adapter; returns the run's last event."""
    tell(Event("starting", "Loading the model…"))
    loaded = load_base(spec)
    tell(Event("starting", "Preparing the examples…"))
    train, held_out = tokenize_run(folder, spec.values, loaded)
    reason: StopReason = "interrupted" if stop else _train(spec, folder, tell, stop, loaded, train, held_out)
    reached = whole_checkpoints(folder / CHECKPOINTS_FOLDER)
    if not reached:  # asked to stop before the first one
        return Event("stopped", "Stopped before anything was learnt.")
    best, last = best_checkpoint(reached), reached[-1]
    if is_main_process():
        copy_adapter(best, folder / ADAPTER_FOLDER)
        facts = run_facts(spec, loaded.info.precision, train, held_out)
        facts |= training_curve(folder, last, best, stopped_early=reason == "early_stopping")
        write_text(folder / FACTS_FILE, json.dumps(facts, indent=1))
    return _last_event(reason, last.step)


def _train(
    spec: TrainingSpec,
    folder: Path,
    tell: Tell,
    stop: StopRequest,
    loaded: "LoadedModel",
    train_examples: "TokenizedDataset",
    held_out: "TokenizedDataset",
) -> "StopReason":
    from playground.training.worker.dataset import dataset_of, held_out_of
    from playground.training.worker.run import Run
    from playground.training.worker.trainer import train

    earlier = whole_checkpoints(folder / CHECKPOINTS_FOLDER)
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder / "tensorboard")
    os.environ.setdefault("WANDB_INIT_TIMEOUT", "10")  # seconds; its own would be 90, and nothing trained meanwhile
    try:
        return train(
            loaded,
            Run(
                values=spec.values,
                train_rows=dataset_of(train_examples.rows, spec.values),
                held_out_rows=held_out_of(held_out.rows),
                folder=folder,
                on_event=tell,
                stop=lambda: bool(stop),
                resume_from=earlier[-1] if earlier else None,
                name=spec.name,
                pace=lambda: use_told_threads(folder),
                has_no_time=lambda: stop.has_no_time,
            ),
        )
    finally:
        if is_main_process():
            shutil.rmtree(folder / TMP_FOLDER, ignore_errors=True)


def _last_event(reason: "StopReason", step: int) -> Event:
    if reason == "interrupted":
        return Event("stopped", "Stopped at step {step}; what was learnt until then is kept.", {"step": step})
    if reason == "early_stopping":
        return Event(
            "done",
            "It stopped by itself at step {step}: the examples set aside got no better.",
            {"step": step},
            eta_s=0.0,
        )
    return Event("done", "Done.", eta_s=0.0)


def _say_nothing(_event: Event) -> None:
    """The other processes of a run leave the telling to the first."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
