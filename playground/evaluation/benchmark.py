"""Measures a live model through the app's own tasks, on rows that it was not trained on."""

import asyncio
import logging
import math
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from playground.errors import DataError, InputError
from playground.evaluation.benchmark_data import QUESTIONS_FILE, STORIES_FILE, held_out_rows, stories
from playground.protocol.client import SamplingClient
from playground.tasks.base import Benchmark
from playground.tasks.registry import all_tasks

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Rows asked at the same time."""
OPENING = 60
"""Characters of a story that are given before the rest is scored."""


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    title: str
    rows: int
    values: dict[str, float]


async def evaluate(
    client: SamplingClient, folder: Path, rows: int, seed: int = 0, tasks: Collection[str] = ()
) -> list[BenchmarkResult]:
    """Run the benchmarks of these tasks, or of all and the stories, on up to `rows` rows each, drawn by `seed`.

    What the model cannot be asked, since it does not know the language, is left out. Raises `DataError` for a folder
    without any, and what tasks raise.
    """
    results: list[BenchmarkResult] = []
    for name, task in all_tasks().items():
        for benchmark in task.benchmarks if name in (tasks or all_tasks()) else ():
            if (folder / benchmark.file).is_file():
                results += _told(await _run(client, name, benchmark, folder, rows, seed))
    if not tasks and (folder / STORIES_FILE).is_file():
        results += _told([await _stories(client, folder, rows)])
    if not results:
        raise DataError(
            "{folder} holds none of the files that are measured on, such as {file}.", folder=folder, file=QUESTIONS_FILE
        )
    return results


def _told(results: list[BenchmarkResult]) -> list[BenchmarkResult]:
    """A real model takes minutes a task: what is known is logged."""
    for result in results:
        log.info("%s", line(result))
    return results


async def _run(
    client: SamplingClient, task: str, benchmark: Benchmark, folder: Path, rows: int, seed: int
) -> list[BenchmarkResult]:
    kept = [row for row in held_out_rows(folder, benchmark.file) if benchmark.keep(row)]
    drawn = random.Random(seed).sample(kept, min(rows, len(kept)))
    inputs, references = [benchmark.inputs(row) for row in drawn], [benchmark.reference(row) for row in drawn]
    try:
        all_tasks()[task].read_inputs(inputs[0], client.info)
    except InputError as error:
        log.info("%s is left out: %s", benchmark.title, error)
        return []
    predictions = await answers(client, task, inputs)
    results = [BenchmarkResult(benchmark.title, len(drawn), benchmark.scores(predictions, references))]
    if benchmark.baseline:
        name, baseline = benchmark.baseline
        scores = benchmark.scores([baseline(one) for one in inputs], references)
        results.append(BenchmarkResult(f"{benchmark.title}: {name}", len(drawn), scores))
    return results


async def answers(client: SamplingClient, task: str, inputs: Sequence[dict[str, str]]) -> list[str]:
    """Each row's final prediction: a label, an answer, or a text."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(row: dict[str, str]) -> str:
        async with slots:
            outputs = [output async for output in all_tasks()[task].ask(client, **row)]
            return str(outputs[-1].prediction)

    return list(await asyncio.gather(*(one(row) for row in inputs)))


def table(results: Sequence[BenchmarkResult]) -> str:
    """One Markdown table."""
    return "\n".join(["| held-out rows | rows | scores |", "|---|---|---|", *map(line, results)])


def line(result: BenchmarkResult) -> str:
    """Its line of the table."""
    told = " · ".join(f"{name} {_rounded(value)}" for name, value in result.values.items())
    return f"| {result.title} | {result.rows} | {told} |"


def _rounded(value: float) -> str:
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


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
