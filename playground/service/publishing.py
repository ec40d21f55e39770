"""From a finished run to a usable adapter: published in the owner's store, swapped into the live model, measured."""

import asyncio
import logging
import threading
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.adapters.info import MAX_NAME_CHARS, AdapterInfo
from playground.adapters.store import AdapterStore
from playground.errors import TrainingError
from playground.evaluation.forgetting import baseline_cache
from playground.evaluation.report import Report, measure
from playground.evaluation.verdict import TrainingCurve
from playground.process import all_cores, worker_threads
from playground.protocol.client import SamplingClient
from playground.protocol.model import ModelHost, ModelInfo
from playground.service.adapters import builtin_skill, refusal
from playground.service.core_share import CoreShare
from playground.service.probes import ProbeRunner
from playground.service.runs import read_source
from playground.tasks.registry import task_of
from playground.training.jobs.checkpoints import LEARNT_FOLDER, whole_checkpoints
from playground.training.jobs.job import Job
from playground.training.jobs.runner import JobHooks
from playground.training.preflight.client import Preflight
from playground.training.spec import HELD_OUT_FILE, TRAIN_FILE, load_examples

log = logging.getLogger(__name__)

LAST_PROBES_S = 10.0
"""How long a measured adapter waits for the last checkpoint's answers to the probes."""
LOOK_S = 0.2
"""How often a measurement looks whether the app is closing."""


def left_out(info: ModelInfo, job: Job) -> TrainingError | None:
    """Why a run's result is only kept for now; None where it is switched on and measured."""
    reason = refusal(info, job.name, job.spec.base_name, job.spec.base_fingerprint)
    return TrainingError("It was neither switched on nor measured. {reason}", reason=reason) if reason else None


def handover(host: ModelHost, store: AdapterStore, preflight: Preflight) -> JobHooks:
    """What `JobQueue` calls around a run.

    While a worker trains, the live model leaves half of the cores to it, and all while nobody asks; nothing is tried
    meanwhile, nor while the result is measured. Of a run for another model than the loaded one, which was resumed,
    only the adapter is published.
    """
    prober = ProbeRunner(host)
    closing = threading.Event()
    publisher = _Publisher(host, store, closing)

    def publish(job: Job, folder: Path) -> str:
        facts = job.facts()
        with preflight.held():
            card = publisher.published_before(job, facts) or publisher.bring_in(job, folder, job.name, facts)
            publisher.measure(job, card)
            prober.finish(LAST_PROBES_S if not closing.is_set() and job.folder.is_dir() else 0.0)
        return card.id

    def look(job: Job, folder: Path) -> None:
        if host.info.serves(job.spec.base_fingerprint):
            prober.look_at(job, folder)

    def remark(job: Job) -> dict[str, Any]:
        reason = left_out(host.info, job)
        return reason.sentence.to_plain() if reason else {}

    def make_room() -> None:
        preflight.hold()
        host.set_threads(worker_threads())

    def take_back() -> None:
        host.set_threads(all_cores())
        preflight.release()

    def close() -> None:
        closing.set()
        preflight.close()

    return JobHooks(
        on_trained=publish,
        on_worker_start=make_room,
        on_worker_end=take_back,
        threads=CoreShare(host).threads,
        kept_bytes=lambda: host.status().kept_bytes,
        is_needed=lambda job: any(card.source.get("job_id") == job.job_id for card in store.list(job.owner)),
        remark=remark,
        on_checkpoint=look,
        on_close=close,
    )


def publish_step(host: ModelHost, store: AdapterStore, job: Job, step: int) -> str:
    """Publish the kept checkpoint of a step beside the others as an adapter of its own; blocks; returns its id.

    Raises `PlaygroundError` when there is no such checkpoint or it cannot be used, and then nothing has changed.
    """
    kept = {checkpoint.step: checkpoint for checkpoint in whole_checkpoints(job.folder / LEARNT_FOLDER)}
    if step not in kept:
        raise TrainingError(
            "The training run '{name}' has kept nothing of step {step}. Choose another step.", name=job.name, step=step
        )
    suffix = f", step {step}"
    name = job.name[: MAX_NAME_CHARS - len(suffix)].rstrip() + suffix
    facts = {**job.facts(), "held_out_loss_after": kept[step].eval_loss, "seconds": kept[step].seconds, "step": step}
    publisher = _Publisher(host, store, threading.Event())
    card = publisher.bring_in(job, kept[step].folder, name, facts)
    publisher.measure(job, card, step)
    return card.id


@dataclass(frozen=True, slots=True)
class _Publisher:
    """Makes adapters of what runs have learnt; measuring ends early once `closing` is set, or the run is removed."""

    host: ModelHost
    store: AdapterStore
    closing: threading.Event

    def published_before(self, job: Job, facts: dict[str, Any]) -> AdapterInfo | None:
        """The adapter of just this result, if an app that ended before it could say so has published it."""
        source = {**facts, "job_id": job.job_id}
        card = next((card for card in self.store.list(job.owner) if card.source == source), None)
        if card and self._is_at_home(job):
            self.host.load_adapter(self.store.key(card), card.folder)
        return card

    def bring_in(self, job: Job, folder: Path, name: str, facts: dict[str, Any]) -> AdapterInfo:
        """Publish and load; raises what either does, and then neither has happened.

        A run names its model; one from before it did so was for the loaded one. Another model's is not loaded.
        """
        known = bool(job.spec.base_fingerprint)
        card = self.store.publish(
            job.owner,
            name,
            folder,
            base_model=job.spec.base_name if known else self.host.info.name,
            base_fingerprint=job.spec.base_fingerprint or self.host.info.fingerprint,
            metrics=_figures(facts),
            source={**facts, "job_id": job.job_id},
        )
        if not self._is_at_home(job):
            return card
        try:
            receipt = self.host.load_adapter(self.store.key(card), card.folder)
        except Exception:
            self.store.delete(job.owner, card.id)
            raise
        return self.store.note_receipt(job.owner, card.id, receipt)

    def measure(self, job: Job, card: AdapterInfo, step: int | None = None) -> None:
        """Compare the adapter, of this step or else of the best, with its base and keep the report with it.

        Nothing where another model is loaded: there is nobody to ask.
        """
        if not self._is_at_home(job):
            log.info("the adapter %s was not measured, as another model is loaded", card.id)
            return
        clients = self.host.client(job.owner), self.host.client(job.owner, self.store.key(card))
        try:
            best = job.facts()["best_step"]
            curve = TrainingCurve(best if step is None else step, best, job.state()["eval_losses"])
            held_out, train_examples = (load_examples(job.folder / name) for name in (HELD_OUT_FILE, TRAIN_FILE))
            source = read_source(job)
            format = source.format if source else ""
            info = self.host.info
            cache = baseline_cache(self.store.data.base_answers, f"{info.fingerprint} {info.quantization}")
            skilled = self._skilled(job.owner, format)
            measuring = measure(clients, held_out, train_examples, curve, cache, format, skilled)
            report = asyncio.run(self._while_wanted(measuring, job))
            if report is None:
                log.info("the adapter %s was not measured, as the app is closing, or its run was removed", card.id)
                return
            self.store.note_metrics(job.owner, card.id, report.figures())
            self.store.note_report(job.owner, card.id, report.to_dict())
        except Exception:  # the adapter is there and works: without its figures it is still what was asked for
            log.exception("the adapter %s could not be measured", card.id)

    def _skilled(self, owner: str, format: str) -> SamplingClient | None:
        """The base model with its built-in skill for rows of this format; None where it has none."""
        task = task_of(format)
        skill = builtin_skill(self.host.info, self.store, task.name) if task else None
        if skill is None:
            return None
        self.host.load_adapter(self.store.key(skill), skill.folder)
        return self.host.client(owner, self.store.key(skill))

    def _is_at_home(self, job: Job) -> bool:
        return self.host.info.serves(job.spec.base_fingerprint)

    async def _while_wanted(self, measuring: Coroutine[Any, Any, Report], job: Job) -> Report | None:
        task = asyncio.create_task(measuring)
        while not task.done():
            if self.closing.is_set() or not job.folder.is_dir():
                task.cancel()
                return None
            await asyncio.wait([task], timeout=LOOK_S)
        return task.result()


def _figures(facts: Mapping[str, Any]) -> dict[str, object]:
    return {
        name: value for name, value in facts.items() if isinstance(value, int | float) and not isinstance(value, bool)
    }
