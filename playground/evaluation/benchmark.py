"""Measures a live model through the app's own tasks, on rows that it was not trained on."""

import asyncio
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.errors import DataError
from playground.evaluation.benchmark_data import (
    CHINESE_FILE,
    QUESTIONS_FILE,
    STORIES_FILE,
    Row,
    chinese_pairs,
    questions,
    read_rows,
    stories,
)
from playground.metrics import scores as measures
from playground.protocol.client import SamplingClient
from playground.tasks.base import sentences
from playground.tasks.registry import all_tasks

AT_ONCE = 8
"""Rows asked at the same time."""
MAX_PASSAGE_CHARS = 1500
"""Characters; longer held-out passages are left out, since small models cannot read them at once."""
OPENING = 60
"""Characters of a story that are given before the rest is scored."""

Measure = Callable[[Sequence[str], Sequence[Any]], dict[str, float]]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A task, the inputs to ask it with, and what it should say."""

    title: str
    task: str
    inputs: Sequence[dict[str, str]]
    wanted: Sequence[Any]
    measure: Measure


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    title: str
    rows: int
    values: dict[str, float]


async def evaluate(client: SamplingClient, folder: Path, rows: int, seed: int = 0) -> list[BenchmarkResult]:
    """Run every trial on up to `rows` rows of it. Raises `DataError` for a folder without any, and what tasks raise."""
    measured: list[BenchmarkResult] = []
    for trial in trials(folder, rows, seed):
        given = await answers(client, trial.task, trial.inputs)
        measured.append(BenchmarkResult(trial.title, len(given), trial.measure(given, trial.wanted)))
        if trial.task == "summarize":
            first = [sentences(inputs["text"])[0].strip() for inputs in trial.inputs]
            title = f"{trial.title}: the first sentence, for comparison"
            measured.append(BenchmarkResult(title, len(first), trial.measure(first, trial.wanted)))
    if (folder / STORIES_FILE).is_file():
        measured.append(await _stories(client, folder, rows))
    if not measured:
        raise DataError(
            "{folder} holds none of the files that are measured on, such as {file}.", folder=folder, file=QUESTIONS_FILE
        )
    return measured


async def answers(client: SamplingClient, task: str, inputs: Sequence[dict[str, str]]) -> list[str]:
    """Each row's final answer: a label, an answer, or a text."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(row: dict[str, str]) -> str:
        async with places:
            result: Any = [result async for result in all_tasks()[task].run(client, **row)][-1]
            for name in ("label", "answer", "text"):
                if hasattr(result, name):
                    return str(getattr(result, name))
            raise TypeError(f"{task} answered with {type(result).__name__}")

    return list(await asyncio.gather(*(one(row) for row in inputs)))


def table(measured: Sequence[BenchmarkResult]) -> str:
    """One Markdown table."""
    lines = ["| held-out rows | rows | scores |", "|---|---|---|"]
    for row in measured:
        scores = " · ".join(f"{name} {_rounded(value)}" for name, value in row.values.items())
        lines.append(f"| {row.title} | {row.rows} | {scores} |")
    return "\n".join(lines)


def _rounded(value: float) -> str:
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def trials(folder: Path, rows: int, seed: int = 0) -> list[Benchmark]:
    """The held-out rows that a data folder has, up to `rows` of each kind, drawn by `seed`."""

    def drawn(found: list[Row]) -> list[Row]:
        return random.Random(seed).sample(found, min(rows, len(found)))

    found: list[Benchmark] = []
    if (file := folder / "sentiment/sst2_dev.jsonl").is_file():
        found.append(_sentiment(drawn(read_rows(file))))
    if (file := folder / "translation/multi30k_val.jsonl").is_file():
        captions = drawn(read_rows(file))
        directions = (("en", "de"), ("en", "fr"), ("de", "en"), ("fr", "en"))
        found += [_translation(captions, source, target, "Multi30k") for source, target in directions]
    if (folder / CHINESE_FILE).is_file():
        pairs = drawn(chinese_pairs(folder)[1])
        found += [_translation(pairs, "en", "zh", "Tatoeba"), _translation(pairs, "zh", "en", "Tatoeba")]
    if (folder / QUESTIONS_FILE).is_file():
        found.append(_answers(drawn([row for row in questions(folder)[1] if len(row["context"]) <= MAX_PASSAGE_CHARS])))
    if (file := folder / "summarization/scitldr_dev.jsonl").is_file():
        found.append(_summaries(drawn(read_rows(file))))
    return found


def _sentiment(rows: list[Row]) -> Benchmark:
    def measure(given: Sequence[str], wanted: Sequence[str]) -> dict[str, float]:
        return {"accuracy": measures.accuracy(given, wanted), "macro-F1": measures.macro_f1(given, wanted)}

    inputs = [{"text": row["text"]} for row in rows]
    return Benchmark("Sentiment, SST-2 sentences", "sentiment", inputs, [row["label"] for row in rows], measure)


def _translation(rows: list[Row], source: str, target: str, name: str) -> Benchmark:
    languages = {"en": "English", "de": "German", "fr": "French", "zh": "Chinese"}

    def measure(given: Sequence[str], wanted: Sequence[str]) -> dict[str, float]:
        return {"BLEU": measures.bleu(given, wanted, target == "zh")[0], "chrF": measures.chrf(given, wanted)[0]}

    inputs = [{"text": row[source], "target": languages[target], "source": languages[source]} for row in rows]
    title = f"{languages[source]} to {languages[target]}, {name}"
    return Benchmark(title, "translate", inputs, [row[target] for row in rows], measure)


def _answers(rows: list[Row]) -> Benchmark:
    def measure(given: Sequence[str], wanted: Sequence[Sequence[str]]) -> dict[str, float]:
        return {"F1": measures.answer_f1(given, wanted), "exact match": measures.exact_match(given, wanted)}

    inputs = [{"question": row["question"], "context": row["context"]} for row in rows]
    return Benchmark("Question answering, SQuAD", "answer", inputs, [row["answers"] for row in rows], measure)


def _summaries(rows: list[Row]) -> Benchmark:
    def measure(given: Sequence[str], wanted: Sequence[str]) -> dict[str, float]:
        scores = measures.rouge(given, wanted)
        return {"ROUGE-1": scores["rouge1"], "ROUGE-2": scores["rouge2"], "ROUGE-L": scores["rougeL"]}

    inputs = [{"text": row["document"], "length": "short"} for row in rows]
    return Benchmark("Summarization, SciTLDR", "summarize", inputs, [row["summary"] for row in rows], measure)


async def _stories(client: SamplingClient, folder: Path, rows: int) -> BenchmarkResult:
    """Perplexity per byte of what follows a story's opening: e to the power of the mean negative log-likelihood."""
    total, size = 0.0, 0
    texts = stories(folder)[1][:rows]
    for text in texts:
        prompt = tuple(client.tokenizer.encode(text[:OPENING]))
        rest = tuple(client.tokenizer.encode_continuation(text[OPENING:]))[: client.info.context_length - len(prompt)]
        scores = await client.compute_logprobs(prompt, [rest])
        total += sum(scores[0].logprobs)
        size += len(client.tokenizer.decode(rest).encode())
    return BenchmarkResult("Stories, TinyStories", len(texts), {"perplexity per byte": math.exp(-total / size)})
