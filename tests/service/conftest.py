"""What the tests of the services share: a run that has ended, and services around the live model."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from playground.adapters.store import AdapterStore
from playground.data.examples import Example
from playground.data_dir import DataDir
from playground.engine.host import LocalModelHost
from playground.evaluation import forgetting
from playground.evaluation.forgetting import items
from playground.models.loader import LoadedModel
from playground.service.publishing import handover
from playground.service.services import Services
from playground.training.jobs.checkpoints import LEARNT_FOLDER, publish
from playground.training.jobs.events import Event
from playground.training.jobs.job import Job
from playground.training.jobs.runner import JobHooks
from playground.training.preflight.client import Preflight
from playground.training.spec import FACTS_FILE, HELD_OUT_FILE, TRAIN_FILE, StoredExamples, TrainingSpec
from tests.support.exchange import running_services

PATIENCE_S = 60.0
PROBES = ("Where is the dog?", "Tell me about the sun.", "Who sleeps?", "A fourth is not asked.")
LOSSES = {0: 3.0, 5: 2.0, 10: 2.5}


@dataclass
class Taught:
    """A run that has ended, with a kept checkpoint at each step, and an app around it."""

    host: LocalModelHost
    store: AdapterStore
    job: Job
    preflight: Preflight

    def hooks(self) -> JobHooks:
        return handover(self.host, self.store, self.preflight)

    def kept(self, step: int) -> Path:
        return self.job.folder / LEARNT_FOLDER / f"step-{step}"

    def resident(self) -> set[str]:
        return set(self.host.status().adapters_resident)


@pytest.fixture
def taught(
    host: LocalModelHost,
    tiny_model_folder: Path,
    adapters: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Taught:
    few = items()[:5]
    monkeypatch.setattr(forgetting, "items", lambda: few)
    folder = DataDir(tmp_path / "data").jobs("ann") / "j1"
    folder.mkdir(parents=True)
    spec = TrainingSpec("j1", "ann", "Animals", str(tiny_model_folder), "none", "", 1.0, probes=PROBES)
    spec.save(folder)
    job = Job(spec, folder)
    rows = [
        Example(({"role": "user", "content": f"Say {n}"}, {"role": "assistant", "content": f"It is {n}"}), None, n)
        for n in range(16)
    ]
    StoredExamples.of(rows[:9]).save(folder / TRAIN_FILE)
    StoredExamples.of(rows[9:]).save(folder / HELD_OUT_FILE)
    for step, loss in LOSSES.items():
        job.log.write(Event("training", step=step, total_steps=10, eval_loss=loss))
    for step, adapter in ((5, adapters[0]), (10, adapters[1])):
        aside = shutil.copytree(adapter, folder / f"aside-{step}")
        publish(aside, folder / LEARNT_FOLDER, step, LOSSES[step], float(step))
    facts = {"best_step": 5, "steps": 10, "held_out_loss_before": 3.0, "held_out_loss_after": 2.0, "rows": 9}
    (folder / FACTS_FILE).write_text(json.dumps(facts))
    store = AdapterStore(DataDir(tmp_path / "data"))
    return Taught(host, store, job, Preflight(store.data.trials))


@pytest.fixture
def services(loaded: LoadedModel, tmp_path: Path) -> Iterator[Services]:
    data = tmp_path / "data"
    data.mkdir()
    with running_services(loaded, data) as running:
        yield running
