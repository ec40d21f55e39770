"""From a finished run to a usable adapter: published in the owner's store and swapped into the live model."""

import asyncio
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.adapters.store import AdapterStore
from playground.errors import PlaygroundError
from playground.evaluation.held_out import compare
from playground.protocol import BASE, Live, Voice
from playground.training.job import Job
from playground.training.jobs import Callbacks
from playground.training.spec import HELD_OUT_FILE, load_examples

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Base:
    """The base model that is loaded, as a training run names it."""

    name: str
    model: str
    """A folder."""
    quantization: str
    fingerprint: str
    parameters: int
    layers: tuple[str, ...] = ()
    """The names of its linear layers, as `target_modules` takes them."""


def handover(live: Live, store: AdapterStore, base: Base) -> Callbacks:
    """What `Jobs` calls around a run. While a worker trains, the live model leaves half of the cores to it."""
    engine = live.engine

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
        store.note_metrics(job.owner, card.id, measured(job, store.key(card)))
        return card.id

    def measured(job: Job, key: str) -> dict[str, object]:
        rows = load_examples(job.folder / HELD_OUT_FILE)
        voices = Voice(BASE, owner=job.owner), Voice(key, owner=job.owner)
        try:
            found = asyncio.run(compare(live, *voices, rows))
        except PlaygroundError:  # the adapter is there and works: without its figures it is still what was asked for
            log.exception("the adapter %s could not be measured", key)
            return {}
        if found is None:
            return {}
        return {
            "measure": found.measure,
            "measured_rows": found.rows,
            "score_before": round(found.base, 2),
            "score_after": round(found.adapter, 2),
        }

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Callbacks(
        on_trained=publish,
        on_start=lambda: engine.set_threads(max(1, cores // 2)),
        on_end=lambda: engine.set_threads(cores),
        is_needed=lambda job: any(card.source.get("job_id") == job.job_id for card in store.list(job.owner)),
    )


def _figures(facts: Mapping[str, Any]) -> dict[str, object]:
    return {
        name: value for name, value in facts.items() if isinstance(value, int | float) and not isinstance(value, bool)
    }
