"""From a finished run to a usable adapter: published in the owner's store and swapped into the live model."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.adapters.store import AdapterStore
from playground.protocol import Engine
from playground.training.job import Job
from playground.training.jobs import Callbacks


@dataclass(frozen=True, slots=True)
class Base:
    """The base model that is loaded, as a training run names it."""

    name: str
    model: str
    """A folder."""
    quantization: str
    fingerprint: str
    parameters: int


def handover(engine: Engine, store: AdapterStore, base: Base) -> Callbacks:
    """What `Jobs` calls around a run. While a worker trains, the live model leaves half of the cores to it."""

    def publish(job: Job, folder: Path) -> str:
        facts = job.facts()
        card = store.publish(
            job.owner,
            job.name,
            folder,
            base_model=base.name,
            base_fingerprint=base.fingerprint,
            metrics=_figures(facts),
            source={**facts, "job_id": job.job_id},
        )
        try:
            receipt = engine.load_adapter(store.key(card), card.folder)
        except Exception:
            store.delete(job.owner, card.id)
            raise
        store.note_receipt(job.owner, card.id, receipt)
        return card.id

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Callbacks(
        on_trained=publish,
        on_start=lambda: engine.set_threads(max(1, cores // 2)),
        on_end=lambda: engine.set_threads(cores),
    )


def _figures(facts: Mapping[str, Any]) -> dict[str, object]:
    return {
        name: value for name, value in facts.items() if isinstance(value, int | float) and not isinstance(value, bool)
    }
