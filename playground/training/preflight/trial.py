"""Tries a run out with real steps: what memory its longest rows take, and what time any five of its batches."""

import gc
import math
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from datasets import Dataset

from playground.memory import forget_peak, free_bytes, peak_bytes
from playground.models.loader import LoadedModel
from playground.process import use_told_threads
from playground.training.config import TRACKERS, TrainingConfig
from playground.training.jobs.events import Event
from playground.training.preflight.shrink import fits
from playground.training.worker.dataset import LENGTHS, dataset_of, held_out_of
from playground.training.worker.inputs import tokenize_run
from playground.training.worker.run import Run
from playground.training.worker.trainer import assemble

TIMED_BATCHES = 5
MAX_EVAL_BATCHES = 4
_MIN_FORETOLD = 1024
"""Batches of fewer tokens are tried as they are."""
_PARTS = (256, 64, 16)
_FEWEST = 16
_ENOUGH_S = 20.0
"""After so long two steps do to tell the pace."""
_FOLDER = "tried"


class Trial:
    """Takes steps of one run with one set of values after the other, on a model loaded for training."""

    def __init__(self, loaded: LoadedModel, folder: Path) -> None:
        self._loaded = loaded
        self._folder = folder
        self._start_s = time.time() - psutil.Process().create_time()
        self._loading_bytes = peak_bytes()

    def measure(self, values: TrainingConfig) -> dict[str, object]:
        """Figures of a whole run with these values: seconds, bytes, and what becomes of the rows.

        There are no seconds where the memory does not do. Raises `TrainingError` for values with which the run could
        not begin.
        """
        tokenized, tokenized_held_out = tokenize_run(self._folder, values, self._loaded)
        train, held_out = dataset_of(tokenized.rows, values), held_out_of(tokenized_held_out.rows)
        free = free_bytes()
        peak, token_bytes = self._memory(values, train, held_out, free)
        figures: dict[str, object] = {
            "peak_bytes": peak,
            "token_bytes": token_bytes,
            "free_bytes": free,
            "num_rows": len(tokenized.rows),
            "longest": max(_lengths(train)),
            "num_truncated": len(tokenized.truncated),
            "trained_share": tokenized.num_loss_tokens / tokenized.num_tokens,
        }
        if not fits(peak, free):
            return figures
        times = self._time(values, train, held_out)
        # Batches of other lengths leave gaps in the memory, which the run will have too.
        return figures | times | {"peak_bytes": max(peak, peak_bytes())}

    def _memory(self, values: TrainingConfig, train: Dataset, held_out: Dataset | None, free: int) -> tuple[int, float]:
        """(bytes at most, bytes that each further token of a batch takes) with the longest rows.

        What a few tokens foretell to be too much is not tried: it would take minutes, and end in the system's killing
        this process at best.
        """
        rows = min(values.per_device_train_batch_size, len(train))
        tokens = rows * max(_lengths(train))
        held = self._peak(values, train, None, steps=0)
        if tokens >= _MIN_FORETOLD:
            foretold, token_bytes = self._foretold(values, train, tokens, free)
            if foretold > free:
                return foretold, token_bytes
        few = values.model_copy(update={"gradient_accumulation_steps": min(2, values.gradient_accumulation_steps)})
        peak = self._peak(few, _longest(train, 2 * rows), _longest(held_out, rows) if held_out else None, steps=2)
        return max(self._loading_bytes, peak), (peak - held) / tokens

    def _foretold(self, values: TrainingConfig, train: Dataset, tokens: int, free: int) -> tuple[int, float]:
        """(bytes for a batch of so many tokens, bytes for each), as smaller and then larger parts of it show them."""
        alone = values.model_copy(update={"gradient_accumulation_steps": 1})
        foretold, token_bytes, before = 0, 0.0, (0, 0)  # tokens, and the bytes in use with them
        for part in _PARTS:
            few = max(_FEWEST, tokens // part)
            peak = self._peak(alone, _of_tokens(train, few), None, steps=1)
            used = peak_bytes(used=True)  # what is held grows in large pieces, and may not show so few tokens
            if few > before[0] > 0:
                token_bytes = max(0.0, (used - before[1]) / (few - before[0]))
                foretold = int(peak + token_bytes * (tokens - few))
                if not free / 2 < foretold <= free:  # otherwise it is close, and a larger part tells better
                    break
            before = few, used
        return foretold, token_bytes

    def _peak(self, values: TrainingConfig, train: Dataset, held_out: Dataset | None, steps: int) -> int:
        """The most that was held while so many steps were taken, or is held without any."""
        gc.collect()  # a trainer is full of circles
        forget_peak()
        if steps:
            self._train(values, train, held_out, steps)
        return peak_bytes()

    def _time(self, values: TrainingConfig, train: Dataset, held_out: Dataset | None) -> dict[str, object]:
        """Steps and seconds of the whole run."""
        batch = values.per_device_train_batch_size
        some = _some(held_out, MAX_EVAL_BATCHES * batch) if held_out else None
        alone = values.model_copy(update={"gradient_accumulation_steps": 1})
        times = self._train(alone, _some(train, (TIMED_BATCHES + 1) * batch), some, steps=TIMED_BATCHES + 1)
        run = Run(values, train, held_out, self._folder, lambda _event: None, lambda: False)
        measurements = math.ceil(run.total_steps / run.eval_steps)
        eval_s = times.eval_s * len(held_out) / len(some) if held_out and some else 0.0
        start_s = self._start_s + times.setup_s
        return {
            "num_steps": run.total_steps,
            "start_s": start_s,
            "seconds": start_s
            + run.total_steps * values.gradient_accumulation_steps * times.step_s
            + measurements * (eval_s + times.save_s)
            + eval_s,
        }

    def _pace(self) -> None:
        use_told_threads(self._folder)

    def _train(self, values: TrainingConfig, train: Dataset, held_out: Dataset | None, steps: int) -> "_Times":
        """Train as the worker does, saves and measurements included, and take the adapter off again."""
        folder = self._folder / _FOLDER
        times = _Times()
        quiet = values.model_copy(
            update={
                "max_steps": steps,
                "learning_rate": 1e-6,
                "early_stopping_patience": 0,
                "report_to": TRACKERS.alone,
            }
        )
        run = Run(quiet, train, held_out, folder, times.note, times.are_enough, num_evals=1, pace=self._pace)
        trainer = assemble(self._loaded, run)
        try:
            trainer.train()
        finally:  # too little memory for one trial must not spoil the next
            trainer.model.unload()
            shutil.rmtree(folder, ignore_errors=True)
            model = self._loaded.model
            model.__dict__.pop("forward", None)  # TRL's own, which the next trainer puts on anew
            if values.gradient_checkpointing:
                model.gradient_checkpointing_disable()
                model.disable_input_require_grads()
        return times


class _Times:
    """When what happened in a short training."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._seen: list[tuple[float, Event]] = []

    def note(self, event: Event) -> None:
        self._seen.append((time.monotonic(), event))

    def are_enough(self) -> bool:
        """Whether slow steps have told enough before all were taken."""
        steps = self._steps()
        return len(steps) > 1 and steps[-1] - steps[0] > _ENOUGH_S

    def _steps(self) -> list[float]:
        return [at for at, event in self._seen if event.loss is not None]

    @property
    def setup_s(self) -> float:
        """Until the first step could begin."""
        return self._seen[0][0] - self._began

    @property
    def step_s(self) -> float:
        """A step's, without the first one, which warms up."""
        steps = self._steps()
        return (steps[-1] - steps[0]) / (len(steps) - 1)

    @property
    def eval_s(self) -> float:
        return self._last(lambda event: event.eval_loss is not None)

    @property
    def save_s(self) -> float:
        return self._last(lambda event: event.checkpoint is not None)

    def _last(self, meant: Callable[[Event], bool]) -> float:
        """From the event before to the last one that is meant."""
        at = max((place for place, (_, event) in enumerate(self._seen) if meant(event)), default=0)
        return self._seen[at][0] - self._seen[at - 1][0] if at else 0.0


def _lengths(dataset: Dataset) -> list[int]:
    return [len(ids) for ids in dataset["input_ids"]]


def _longest(dataset: Dataset, rows: int) -> Dataset:
    lengths = _lengths(dataset)
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    return dataset.select(order[:rows])


def _of_tokens(dataset: Dataset, tokens: int) -> Dataset:
    """About so many tokens of the longest rows: whole rows, or the end of one, where what is trained on stands."""
    longest = _longest(dataset, 1)
    length = len(longest[0]["input_ids"])
    if tokens >= length:
        return _longest(dataset, tokens // length)
    cut = {name: [longest[0][name][-tokens:]] for name in ("input_ids", "labels")}
    return Dataset.from_dict(cut | ({LENGTHS: [[tokens]]} if LENGTHS in longest.column_names else {}))


def _some(dataset: Dataset, rows: int) -> Dataset:
    return dataset.select(random.Random(0).sample(range(len(dataset)), min(rows, len(dataset))))
