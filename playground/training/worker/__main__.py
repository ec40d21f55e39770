"""The process that trains: `python -m playground.training.worker FOLDER/spec.json`.

It works in the spec's folder: reads the examples, appends to `events.jsonl`, publishes `checkpoints/` and at the end
`adapter/` (PEFT format) and `facts.json`. SIGTERM or a file named `stop` ends it after the running step, with what
was learnt so far. Started again on the same folder, it goes on from the newest whole checkpoint. Under
`accelerate launch` several of it train together on one folder; the first alone writes.
"""

import hashlib
import json
import logging
import os
import secrets
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING

from playground.errors import PlaygroundError, TrainingError
from playground.memory import out_of_memory, peak_bytes
from playground.process import LOG_FILE, StopRequest, become_worker
from playground.sentence import Sentence
from playground.training.config import REPORTERS
from playground.training.jobs.checkpoints import (
    ASIDE_FOLDER,
    CHECKPOINTS_FOLDER,
    Checkpoint,
    best_checkpoint,
    copy_adapter,
    whole_checkpoints,
)
from playground.training.jobs.events import Event, EventLog, failure
from playground.training.spec import (
    ADAPTER_FOLDER,
    EVENTS_FILE,
    FACTS_FILE,
    HELD_OUT_FILE,
    TRAIN_FILE,
    TrainingConfig,
    TrainingSpec,
    load_examples,
)
from playground.training.worker.distributed import is_main_process, take_gpu

if TYPE_CHECKING:  # these bring torch, which may be imported only after `become_worker`
    from playground.models.loader import LoadedModel
    from playground.training.tokenization import TokenizedDataset
    from playground.training.worker.run import StopReason

Tell = Callable[[Event], None]
MIN_TRAIN_ROWS = 2

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
        tell(_unexpected(error, log_id))
    else:
        return 0
    return 1


def _run(spec: TrainingSpec, folder: Path, tell: Tell, stop: StopRequest) -> Event:
    """Train, put the best checkpoint in place as the adapter, and return the run's last event."""
    checkpoints = folder / CHECKPOINTS_FOLDER
    earlier = whole_checkpoints(checkpoints)
    tell(Event("starting", "Loading the model…"))
    loaded = load(spec)
    tell(Event("starting", "Preparing the examples…"))
    encoded, held_out = read(folder, spec.values, loaded)
    if stop and not earlier:
        return Event("stopped", "Stopped before anything was learnt.")
    ending = _train(spec, folder, tell, stop, loaded, encoded, held_out)
    reached = whole_checkpoints(checkpoints)
    if not reached:  # asked to stop while the trainer was being made
        return Event("stopped", "Stopped before anything was learnt.")
    best = best_checkpoint(reached)
    if is_main_process():
        copy_adapter(best, folder / ADAPTER_FOLDER)
        facts = _facts(spec, loaded.info.precision, encoded, held_out) | _course(folder, reached[-1], best, ending)
        (folder / FACTS_FILE).write_text(json.dumps(facts, indent=1), encoding="utf-8")
    step = {"step": reached[-1].step}
    if ending == "asked":
        return Event("stopped", "Stopped at step {step}; what was learnt until then is kept.", step)
    if ending == "early":
        return Event(
            "done", "It stopped by itself at step {step}: the examples set aside got no better.", step, eta_s=0.0
        )
    return Event("done", "Done.", eta_s=0.0)


def _train(
    spec: TrainingSpec,
    folder: Path,
    tell: Tell,
    stop: StopRequest,
    loaded: "LoadedModel",
    encoded: "TokenizedDataset",
    held_out: "TokenizedDataset",
) -> "StopReason":
    from playground.training.worker.dataset import dataset_of, held_out_of
    from playground.training.worker.run import Run
    from playground.training.worker.trainer import train

    earlier = whole_checkpoints(folder / CHECKPOINTS_FOLDER)
    if stop:
        return "asked"
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder / "tensorboard")
    os.environ.setdefault("WANDB_INIT_TIMEOUT", "10")  # seconds; its own would be 90, and nothing learnt meanwhile
    try:
        return train(
            loaded,
            Run(
                values=spec.values,
                train_rows=dataset_of(encoded.rows, spec.values),
                held_out_rows=held_out_of(held_out.rows),
                folder=folder,
                on_event=tell,
                stop=lambda: bool(stop),
                resume_from=earlier[-1] if earlier else None,
                name=spec.name,
            ),
        )
    finally:
        if is_main_process():
            shutil.rmtree(folder / ASIDE_FOLDER, ignore_errors=True)


def _course(folder: Path, last: Checkpoint, best: Checkpoint, ending: "StopReason") -> dict[str, object]:
    """How the run went, for the adapter's card."""
    events = EventLog(folder / EVENTS_FILE).read()
    before = [event.eval_loss for event in events if event.step == 0 and event.eval_loss is not None]
    totals = [event.total_steps for event in events if event.total_steps is not None]
    return {
        "data_sha256": _sha256(folder / TRAIN_FILE, folder / HELD_OUT_FILE),
        "held_out_loss_before": before[0] if before else None,
        "held_out_loss_after": best.eval_loss,
        "best_step": best.step,
        "steps": last.step,
        "total_steps": totals[-1],
        "stopped_early": ending == "early",
        "seconds": last.seconds,
        "peak_memory_bytes": peak_bytes(),
    }


def _facts(
    spec: TrainingSpec, quantization: str, encoded: "TokenizedDataset", held_out: "TokenizedDataset"
) -> dict[str, object]:
    """What the adapter's card says about the data and the settings."""
    return {
        "rows": len(encoded.rows),
        "held_out_rows": len(held_out.rows),
        "truncated_rows": len(encoded.truncated),
        "skipped_rows": len(encoded.skipped),
        "learnt_tokens": encoded.num_loss_tokens,
        "quantization": quantization,
        "settings": asdict(spec.values),
        "versions": {name: version(name) for name in ("torch", "transformers", "peft", "trl", "bitsandbytes")},
    }


def load(spec: TrainingSpec) -> "LoadedModel":
    """Load the run's base model; raises `ModelError`, or `TrainingError` when it is another than it was."""
    from playground.models.loader import load_model

    take_gpu()
    loaded = load_model(spec.model, spec.quantization, for_training=True)
    if spec.base_fingerprint and loaded.info.fingerprint != spec.base_fingerprint:
        raise TrainingError(
            "The model {model} has changed since this run was set up, so it cannot go on. Start a new run.",
            model=loaded.info.name,
        )
    return loaded


def read(folder: Path, values: TrainingConfig, loaded: "LoadedModel") -> "tuple[TokenizedDataset, TokenizedDataset]":
    """Encode the examples in a run's folder, to learn from and to measure on; raises `TrainingError`."""
    from playground.training.tokenization import encode

    max_length = min(values.max_length, loaded.info.context_length)
    encoded, held_out = (
        encode(load_examples(folder / name), loaded.tokenizer, max_length, values.completion_only_loss)
        for name in (TRAIN_FILE, HELD_OUT_FILE)
    )
    if len(encoded.rows) < MIN_TRAIN_ROWS:
        row, why = encoded.skipped[0] if encoded.skipped else (0, None)
        reason = Sentence("Row {row}: {reason}", row=row, reason=why) if why else ""
        raise TrainingError(
            "Only {count} of the examples can be learnt from, and at least {least} are needed. {reason}",
            count=len(encoded.rows),
            least=MIN_TRAIN_ROWS,
            reason=reason,
        )
    return encoded, held_out


def _unexpected(error: Exception, log_id: str) -> Event:
    if out_of_memory(error):
        return Event(
            "failed",
            "There was not enough memory. Use a smaller batch size or max_length. (Details: log {id}.)",
            {"id": log_id},
        )
    tracker = _tracker_in(error)
    if tracker is not None:
        said = str(error).replace("<no message>", "").strip().split("\n")[0][:200].rstrip(".")
        return failure(
            TrainingError(
                "The curves cannot be sent to {reporter}: {reason} Mend that and resume, or start a new run with "
                "report_to at none.",
                reporter=tracker,
                reason=f"{said}." if said else Sentence("It does not answer."),
            )
        )
    return Event(
        "failed",
        "The training stopped because of an unexpected error; its details are in the server's log under {id}.",
        {"id": log_id},
    )


def _tracker_in(error: Exception) -> str | None:
    """The tracker that raised it, or in whose code something else did, such as its connection."""
    raisers = [frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__)]
    packages = {name.partition(".")[0] for name in (type(error).__module__, *raisers)}
    return next((name for name in REPORTERS if name in packages), None)


def _say_nothing(_event: Event) -> None:
    """The other processes of a run leave the telling to the first."""


def _sha256(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
