"""What an adapter's card says of its run: the data, the settings, and how it went."""

import hashlib
from importlib.metadata import version
from pathlib import Path

from playground.memory import peak_bytes
from playground.training.jobs.checkpoints import Checkpoint
from playground.training.jobs.events import EventLog
from playground.training.spec import EVENTS_FILE, HELD_OUT_FILE, TRAIN_FILE, TrainingSpec
from playground.training.tokenization import TokenizedDataset

LIBRARIES = ("torch", "transformers", "peft", "trl", "bitsandbytes")


def run_facts(
    spec: TrainingSpec, precision: str, train: TokenizedDataset, held_out: TokenizedDataset
) -> dict[str, object]:
    """What it was trained on, and how."""
    return {
        "rows": len(train.rows),
        "held_out_rows": len(held_out.rows),
        "truncated_rows": len(train.truncated),
        "skipped_rows": len(train.skipped),
        "learnt_tokens": train.num_loss_tokens,
        "quantization": precision,
        "settings": spec.values.model_dump(),
        "versions": {name: version(name) for name in LIBRARIES},
    }


def training_curve(folder: Path, last: Checkpoint, best: Checkpoint, stopped_early: bool) -> dict[str, object]:
    """How it went, up to the last checkpoint; the best is the one that is kept."""
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
        "stopped_early": stopped_early,
        "seconds": last.seconds,
        "peak_memory_bytes": peak_bytes(),
    }


def _sha256(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
