"""Tries a run out with real steps: what memory its longest rows take, and what time any five of its batches."""

import math
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
from datasets import Dataset

from playground.models.loader import LoadedModel
from playground.models.memory import forget_peak, free_bytes, peak_bytes
from playground.training.events import Event
from playground.training.rows import dataset_of, held_out_of
from playground.training.run import Run
from playground.training.spec import NOWHERE, TrainingValues
from playground.training.trainer import assemble
from playground.training.worker import read

TIMED_BATCHES = 5
MOST_HELD_OUT_BATCHES = 4
_FOLDER = "tried"


class Trial:
    """Takes steps of one run with one set of values after the other, on a model loaded for training."""

    def __init__(self, loaded: LoadedModel, folder: Path) -> None:
        self._loaded = loaded
        self._folder = folder
        self._start_s = time.time() - psutil.Process().create_time()
        self._loading_bytes = peak_bytes()

    def measure(self, values: TrainingValues) -> dict[str, object]:
        """Figures of a whole run with these values: seconds, bytes, and what becomes of the rows.

        Raises `TrainingError` for values with which it could not begin.
        """
        encoded, held_out = read(self._folder, values, self._loaded)
        learnt, aside = dataset_of(encoded.rows, values), held_out_of(held_out.rows)
        batch = values.per_device_train_batch_size
        forget_peak()
        together = replace(values, gradient_accumulation_steps=min(2, values.gradient_accumulation_steps))
        self._train(together, _longest(learnt, 2 * batch), _longest(aside, batch) if aside else None, steps=2)
        most = max(self._loading_bytes, peak_bytes())
        some = _some(aside, MOST_HELD_OUT_BATCHES * batch) if aside else None
        alone = replace(values, gradient_accumulation_steps=1)
        times = self._train(alone, _some(learnt, (TIMED_BATCHES + 1) * batch), some, steps=TIMED_BATCHES + 1)
        run = Run(values, learnt, aside, self._folder, lambda _event: None, lambda: False)
        measurements = math.ceil(run.total_steps / run.steps_between)
        eval_s = times.eval_s * len(aside) / len(some) if aside and some else 0.0
        start_s = self._start_s + times.setup_s
        return {
            "steps": run.total_steps,
            "start_s": start_s,
            "seconds": start_s
            + run.total_steps * values.gradient_accumulation_steps * times.step_s
            + measurements * (eval_s + times.save_s)
            + eval_s,
            "peak_bytes": most,
            "free_bytes": free_bytes(),
            "rows": len(encoded.rows),
            "longest": max(len(ids) for ids in learnt["input_ids"]),
            "truncated": len(encoded.truncated),
            "learnt_share": encoded.learnt_tokens / encoded.tokens,
        }

    def _train(self, values: TrainingValues, learnt: Dataset, aside: Dataset | None, steps: int) -> "_Times":
        """Train as the worker does, saves and measurements included, and take the adapter off again."""
        folder = self._folder / _FOLDER
        times = _Times()
        quiet = replace(values, max_steps=steps, learning_rate=1e-6, early_stopping_patience=0, report_to=NOWHERE)
        run = Run(quiet, learnt, aside, folder, times.note, lambda: False, evaluations=1)
        model = self._loaded.model
        try:
            trainer = assemble(self._loaded, run)
            trainer.train()
            trainer.model.unload()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        model.__dict__.pop("forward", None)  # TRL's own, which the next trainer puts on anew
        if values.gradient_checkpointing:
            model.gradient_checkpointing_disable()
            model.disable_input_require_grads()
        return times


class _Times:
    """When what happened in a short training."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._told: list[tuple[float, Event]] = []

    def note(self, event: Event) -> None:
        self._told.append((time.monotonic(), event))

    @property
    def setup_s(self) -> float:
        """Until the first step could begin."""
        return self._told[0][0] - self._began

    @property
    def step_s(self) -> float:
        """A step's, without the first one, which warms up."""
        steps = [at for at, event in self._told if event.loss is not None]
        return (steps[-1] - steps[0]) / (len(steps) - 1)

    @property
    def eval_s(self) -> float:
        return self._last(lambda event: event.eval_loss is not None)

    @property
    def save_s(self) -> float:
        return self._last(lambda event: event.checkpoint is not None)

    def _last(self, meant: Callable[[Event], bool]) -> float:
        """From the event before to the last one that is meant."""
        at = max((place for place, (_, event) in enumerate(self._told) if meant(event)), default=0)
        return self._told[at][0] - self._told[at - 1][0] if at else 0.0


def _longest(dataset: Dataset, rows: int) -> Dataset:
    lengths = [len(ids) for ids in dataset["input_ids"]]
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    return dataset.select(order[:rows])


def _some(dataset: Dataset, rows: int) -> Dataset:
    return dataset.select(random.Random(0).sample(range(len(dataset)), min(rows, len(dataset))))
