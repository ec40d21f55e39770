"""From a finished run to a skill in the box: measured beside the plain model, with its proof and its card."""

import asyncio
import hashlib
import json
import logging
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from playground.adapters.check import README, WEIGHTS
from playground.adapters.info import AdapterInfo
from playground.adapters.lora_config import CONFIG
from playground.adapters.model_card import model_card
from playground.data_dir import MANIFEST
from playground.engine.host import LocalModelHost
from playground.evaluation.benchmark import BenchmarkResult, evaluate
from playground.files import write_json
from playground.models.catalog import hub_id
from playground.models.loader import load_model
from playground.process import in_own_thread
from playground.skills.recipes import Recipe
from playground.training.jobs.job import Job
from playground.training.spec import ADAPTER_FOLDER

log = logging.getLogger(__name__)


def publish(recipe: Recipe, job: Job, data: Path, target: Path, rows: int) -> AdapterInfo:
    """Measure what a run has learnt on up to `rows` rows of each of its task's benchmarks, and put it into `target`."""
    making = job.folder / "skill"
    making.mkdir(exist_ok=True)
    _write_weights(job.folder / ADAPTER_FOLDER, making, hub_id(job.spec.base_name))
    host = in_own_thread(lambda: LocalModelHost(load_model(job.spec.model)))
    try:
        receipt = host.load_adapter(recipe.task, making)
        clients = [host.client(), host.client(adapter=recipe.task)]
        plain, skill = (asyncio.run(evaluate(client, data, rows, tasks=[recipe.task])) for client in clients)
    finally:
        host.close()
    facts = job.facts()
    info = AdapterInfo(
        id=f"a-{hashlib.sha256(f'{recipe.task} {facts}'.encode()).hexdigest()[:16]}",
        name=recipe.title,
        folder=target,
        base_model=job.spec.base_name,
        base_fingerprint=job.spec.base_fingerprint,
        created=datetime.fromtimestamp(job.log.read()[-1].time, UTC).isoformat(timespec="seconds"),
        visibility="built-in",
        metrics={name: value for name, value in facts.items() if isinstance(value, int | float)},
        source={**facts, "data": _sources(recipe, data), "scores": _scores(plain, skill), "recipe": recipe.task},
        receipt=receipt,
        task=recipe.task,
    )
    write_json(making / MANIFEST, info.model_dump(by_alias=True))
    (making / README).write_text(model_card(info, hub_id(info.base_model)), encoding="utf-8")
    shutil.copytree(making, target, dirs_exist_ok=True)
    return info


def _write_weights(adapter: Path, target: Path, base_id: str) -> None:
    """In 16 bits, half of the size, naming the model that others know instead of a folder of this machine."""
    weights = {name: weight.to(torch.bfloat16) for name, weight in load_file(adapter / WEIGHTS).items()}
    save_file(weights, target / WEIGHTS, {"format": "pt"})
    config = json.loads((adapter / CONFIG).read_text(encoding="utf-8"))
    write_json(target / CONFIG, {**config, "base_model_name_or_path": base_id})


def _sources(recipe: Recipe, data: Path) -> list[list[str]]:
    """File, what it is, licence, and SHA-256."""
    return [
        [source.file, source.title, source.license, hashlib.sha256((data / source.file).read_bytes()).hexdigest()]
        for source in recipe.sources
    ]


def _scores(plain: Sequence[BenchmarkResult], skill: Sequence[BenchmarkResult]) -> list[list[object]]:
    """Benchmark, rows, measure, the plain model's score and the skill's."""
    return [
        [before.title, before.rows, name, round(value, 2), round(after.values[name], 2)]
        for before, after in zip(plain, skill, strict=True)
        for name, value in before.values.items()
    ]
