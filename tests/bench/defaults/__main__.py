"""What training settings do to files of several sizes and kinds: `python -m tests.bench.defaults DATA`.

Each line is a real run of the worker over so many rows; 48 others of the same kind tell what it learnt. The first of
each group has the defaults of *Normal*, the others differ from them as they say. Lines are printed as they come, so a
run may be ended at any time; run it on an idle machine, or read the seconds as an upper bound.
"""

import argparse
import csv
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playground.data.examples import Example
from playground.data.inspection import inspect
from playground.evaluation.benchmark_data import QUESTIONS_FILE, read_rows
from playground.models.catalog import STARTER
from playground.models.resolve import resolve_model
from playground.tasks.registry import dataset_formats
from playground.training.config import TrainingConfig
from playground.training.defaults import defaults_for
from playground.training.jobs.job import Job, write_job
from playground.training.spec import StoredExamples, TrainingSpec
from tests.bench.real_training import parameters_of
from tests.bench.training import work
from tests.support.configs import changed
from tests.support.running_app import ROOT

HELD_OUT = 48
SIZES = (20, 60, 150, 1_000)
VARIANTS: tuple[dict[str, Any], ...] = ({}, {"epochs": 0.5}, {"epochs": 2.0}, {"learning_rate": 0.5}, {"r": 0.5})
"""Each value as a multiple of the default."""
Rows = list[dict[str, str]]


def manner(_data: Path) -> Rows:
    with (ROOT / "assets" / "examples" / "pirate_talk.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def classes(data: Path) -> Rows:
    found = read_rows(data / "sentiment/sst2_sentences_train.jsonl")
    return [{"text": row["text"], "label": row["label"]} for row in found]


def translations(data: Path) -> Rows:
    return [{"english": row["en"], "french": row["fr"]} for row in read_rows(data / "translation/multi30k_train.jsonl")]


def passages(data: Path) -> Rows:
    found = [row for row in read_rows(data / QUESTIONS_FILE) if len(row["context"]) <= 700]
    return [{"context": row["context"], "question": row["question"], "answer": row["answers"][0]} for row in found]


KINDS: dict[str, Callable[[Path], Rows]] = {
    "manner": manner,
    "classes": classes,
    "translations": translations,
    "passages": passages,
}


def main() -> None:
    options = _arguments()
    folder = resolve_model(options.model).folder
    parameters = STARTER.num_parameters if options.model == "starter" else parameters_of(folder)
    print(HEAD, flush=True)
    for kind in options.kinds:
        rows = KINDS[kind](options.data)
        random.Random(0).shuffle(rows)
        for size in sorted({min(size, len(rows) - HELD_OUT) for size in options.sizes}):
            train, held_out = read(rows[HELD_OUT : HELD_OUT + size]), read(rows[:HELD_OUT])
            defaults = defaults_for(parameters, len(train))
            for multiples in VARIANTS[: options.variants]:
                print(line(kind, folder, varied(defaults, multiples), train, held_out), flush=True)


HEAD = (
    "| kind | rows | epochs, rate, rank | steps | seconds | loss before | lowest, at step | last |\n" + "|---" * 8 + "|"
)


def read(rows: Rows) -> list[Example]:
    """As a visitor's file is read."""
    with tempfile.NamedTemporaryFile("w", suffix=".csv", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        file.flush()
        return list(inspect(Path(file.name), formats=dataset_formats()).examples.usable)


def varied(defaults: TrainingConfig, multiples: dict[str, float]) -> TrainingConfig:
    values = {name: getattr(defaults, name) * by for name, by in multiples.items()}
    if "r" in values:
        values = {"r": int(values["r"]), "lora_alpha": 2.0 * int(values["r"])}
    return changed(defaults, **values)


def line(kind: str, model: Path, values: TrainingConfig, train: list[Example], held_out: list[Example]) -> str:
    """Train, and tell what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        spec = TrainingSpec("bench", "bench", "Bench", str(model), "auto", "", 0.0, values)
        job = Job(spec, Path(folder) / "job")
        write_job(job, StoredExamples.of(train), StoredExamples.of(held_out))
        events, _ = work(job)
    losses = [(event.step or 0, event.eval_loss) for event in events if event.eval_loss is not None]
    best = min(losses, key=lambda one: one[1])
    cells = (
        kind,
        len(train),
        f"{values.epochs:g}, {values.learning_rate:g}, {values.r}",
        losses[-1][0],
        f"{events[-1].time - events[0].time:.0f}",
        f"{losses[0][1]:.2f}",
        f"{best[1]:.2f}, {best[0]}",
        f"{losses[-1][1]:.2f}",
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="a folder with rows of the kinds but the first")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--variants", type=int, default=len(VARIANTS), help="so many of the settings")
    return parser.parse_args()


if __name__ == "__main__":
    main()
