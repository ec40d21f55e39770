"""From a recipe to a built-in skill: the same spec, worker and checkpoints as a visitor's run."""

import json
import logging
import time
from pathlib import Path

from playground.data_dir import SPEC_FILE
from playground.errors import TrainingError
from playground.models.fingerprint import fingerprint
from playground.models.resolve import resolve_model
from playground.process import all_cores
from playground.skills.recipes import Recipe
from playground.training.jobs.events import Event
from playground.training.jobs.job import Job, write_job
from playground.training.jobs.runner import JobHooks, JobRunner
from playground.training.spec import ADAPTER_FOLDER, StoredExamples, TrainingSpec

log = logging.getLogger(__name__)

RECIPE_FILE = "recipe.json"


def train(recipe: Recipe, model: str, data: Path, runs: Path) -> Job:
    """Train in `runs/TASK`, or go on with what an earlier call began there; returns the finished run.

    Raises `TrainingError` where it fails, where it was stopped, and where the run there is of another recipe or model.
    """
    job = _begin(recipe, model, data, runs / recipe.task)
    if not (job.folder / ADAPTER_FOLDER).is_dir() or job.state()["state"] != "done":
        hooks = JobHooks(
            on_trained=lambda _job, _folder: recipe.task,
            on_checkpoint=lambda job, _folder: log.info("%s", _progress(job)),
            threads=all_cores,
        )
        last = JobRunner(hooks).run(job)
        job.log.write(Event(last.state, last.template, last.fields, settled=True))
        if last.state != "done":
            raise TrainingError("{skill}: {message}", skill=recipe.title, message=last.message)
    return job


def _begin(recipe: Recipe, model: str, data: Path, folder: Path) -> Job:
    found = resolve_model(model)
    base = fingerprint(found.folder)
    told = json.dumps({"base": base, "rows": recipe.rows, "values": recipe.values.model_dump()}, indent=1)
    noted = folder / RECIPE_FILE
    if (folder / SPEC_FILE).exists():
        if noted.read_text(encoding="utf-8") != told:
            raise TrainingError("The run in {folder} is of another recipe or model. Remove it first.", folder=folder)
        return Job(TrainingSpec.load(folder / SPEC_FILE), folder)
    learnt, held_out = recipe.split(data)
    spec = TrainingSpec(
        job_id=recipe.task,
        owner="",
        name=recipe.title,
        model=found.id,
        quantization="auto",
        base_fingerprint=base,
        created=time.time(),
        values=recipe.values,
        model_name=found.name,
    )
    job = Job(spec, folder)
    write_job(job, StoredExamples.of(learnt), StoredExamples.of(held_out))
    noted.write_text(told, encoding="utf-8")
    log.info("%s: %d examples to learn from, %d set aside", recipe.title, len(learnt), len(held_out))
    return job


def _progress(job: Job) -> str:
    state = job.state()
    left = f", {state['eta_s'] / 60:.0f} minutes left" if state["eta_s"] is not None else ""
    losses = " ".join(f"{loss:.3f}" for _, loss in state["eval_losses"])
    return f"{job.name}: step {state['step']} of {state['total_steps']}{left}; loss on rows set aside: {losses}"
