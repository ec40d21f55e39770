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
from playground.metrics import scores
from playground.protocol.client import SamplingClient
from playground.tasks.base import sentences
from playground.tasks.registry import all_tasks

AT_ONCE = 8
"""Rows asked at the same time."""
MAX_PASSAGE_CHARS = 1500
"""Characters; longer held-out passages are left out, since small models cannot read them at once."""
OPENING = 60
"""Characters of a story that are given before the rest is scored."""

Metric = Callable[[Sequence[str], Sequence[Any]], dict[str, float]]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A task, the inputs to ask it with, and the references and the metric to score its answers by."""

    title: str
    task: str
    inputs: Sequence[dict[str, str]]
    references: Sequence[Any]
    metric: Metric


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    title: str
    rows: int
    values: dict[str, float]


async def evaluate(client: SamplingClient, folder: Path, rows: int, seed: int = 0) -> list[BenchmarkResult]:
    """Run every benchmark on up to `rows` rows of it.

    Raises `DataError` for a folder without any, and what tasks raise.
    """
    results: list[BenchmarkResult] = []
    for benchmark in benchmarks(folder, rows, seed):
        predictions = await answers(client, benchmark.task, benchmark.inputs)
        results.append(_scored(benchmark, benchmark.title, predictions))
        if benchmark.task == "summarize":
            first = [sentences(inputs["text"])[0].strip() for inputs in benchmark.inputs]
            results.append(_scored(benchmark, f"{benchmark.title}: the first sentence, for comparison", first))
    if (folder / STORIES_FILE).is_file():
        results.append(await _stories(client, folder, rows))
    if not results:
        raise DataError(
            "{folder} holds none of the files that are measured on, such as {file}.", folder=folder, file=QUESTIONS_FILE
        )
    return results


def _scored(benchmark: Benchmark, title: str, predictions: Sequence[str]) -> BenchmarkResult:
    return BenchmarkResult(title, len(predictions), benchmark.metric(predictions, benchmark.references))


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


def table(results: Sequence[BenchmarkResult]) -> str:
    """One Markdown table."""
    lines = ["| held-out rows | rows | scores |", "|---|---|---|"]
    for result in results:
        told = " · ".join(f"{name} {_rounded(value)}" for name, value in result.values.items())
        lines.append(f"| {result.title} | {result.rows} | {told} |")
    return "\n".join(lines)


def _rounded(value: float) -> str:
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def benchmarks(folder: Path, rows: int, seed: int = 0) -> list[Benchmark]:
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
    def metric(predictions: Sequence[str], references: Sequence[str]) -> dict[str, float]:
        return {
            "accuracy": scores.accuracy(predictions, references),
            "macro-F1": scores.macro_f1(predictions, references),
        }

    inputs = [{"text": row["text"]} for row in rows]
    return Benchmark("Sentiment, SST-2 sentences", "sentiment", inputs, [row["label"] for row in rows], metric)


def _translation(rows: list[Row], source: str, target: str, name: str) -> Benchmark:
    languages = {"en": "English", "de": "German", "fr": "French", "zh": "Chinese"}

    def metric(predictions: Sequence[str], references: Sequence[str]) -> dict[str, float]:
        return {
            "BLEU": scores.bleu(predictions, references, target == "zh")[0],
            "chrF": scores.chrf(predictions, references)[0],
        }

    inputs = [{"text": row[source], "target": languages[target], "source": languages[source]} for row in rows]
    title = f"{languages[source]} to {languages[target]}, {name}"
    return Benchmark(title, "translate", inputs, [row[target] for row in rows], metric)


def _answers(rows: list[Row]) -> Benchmark:
    def metric(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
        return {
            "F1": scores.answer_f1(predictions, references),
            "exact match": scores.exact_match(predictions, references),
        }

    inputs = [{"question": row["question"], "context": row["context"]} for row in rows]
    return Benchmark("Question answering, SQuAD", "answer", inputs, [row["answers"] for row in rows], metric)


def _summaries(rows: list[Row]) -> Benchmark:
    def metric(predictions: Sequence[str], references: Sequence[str]) -> dict[str, float]:
        rouge = scores.rouge(predictions, references)
        return {"ROUGE-1": rouge["rouge1"], "ROUGE-2": rouge["rouge2"], "ROUGE-L": rouge["rougeL"]}

    inputs = [{"text": row["document"], "length": "short"} for row in rows]
    return Benchmark("Summarization, SciTLDR", "summarize", inputs, [row["summary"] for row in rows], metric)


async def _stories(client: SamplingClient, folder: Path, rows: int) -> BenchmarkResult:
    """Perplexity per byte of what follows a story's opening: e to the power of the mean negative log-likelihood."""
    total, size = 0.0, 0
    texts = stories(folder)[1][:rows]
    for text in texts:
        prompt = tuple(client.tokenizer.encode(text[:OPENING]))
        rest = tuple(client.tokenizer.encode_continuation(text[OPENING:]))[: client.info.context_length - len(prompt)]
        (found,) = await client.compute_logprobs(prompt, [rest])
        total += sum(found.logprobs)
        size += len(client.tokenizer.decode(rest).encode())
    return BenchmarkResult("Stories, TinyStories", len(texts), {"perplexity per byte": math.exp(-total / size)})
