"""What an adapter forgot: the app's own tasks on a small fixed set of items, base against adapter."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path

from playground.errors import InputError
from playground.evaluation.baseline_cache import BaselineCache
from playground.evaluation.benchmark import answers
from playground.evaluation.paired import Clients, answer, negative_log_likelihood, side_by_side
from playground.metrics.bootstrap import MIN_PAIRED_ROWS, PairedDifference, paired_difference
from playground.metrics.corpus import PERPLEXITY
from playground.protocol.client import SamplingClient
from playground.protocol.model import ModelInfo
from playground.tasks.base import Forgetting
from playground.tasks.registry import all_tasks

BUDGET_S = 20.0
MAX_ANSWER_TOKENS = 64
OPENING = 60
"""Characters of a text that are given before the rest is scored."""
NOTICEABLE, NOTICEABLE_SHARE = 1.0, 0.02
"""A loss of fewer points of 100, or of a smaller share of the perplexity, nobody would notice, however sure it is."""
FORGOTTEN = 2.0
"""What falls to less than half, or a perplexity that more than doubles, is no longer only worse."""

Prediction = str | tuple[float, float] | None
"""A text, or (nats, bytes) of one that was read; None where the model cannot be asked this."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to ask: `inputs` as the task takes them, and the reference to score it by. `name` is for the cache."""

    name: str
    task: str
    inputs: dict[str, str]
    reference: str


@dataclass(frozen=True, slots=True)
class TaskScore:
    task: str
    difference: PairedDifference

    @property
    def enough(self) -> bool:
        """Whether so many items were asked that a loss could be told from chance."""
        return self.difference.rows >= MIN_PAIRED_ROWS

    @property
    def worse(self) -> bool:
        """Whether it got worse beyond chance, and by enough to be noticed."""
        lost = abs(self.difference.adapter - self.difference.base)
        noticed = NOTICEABLE_SHARE * self.difference.base if self.difference.lower_is_better else NOTICEABLE
        return self.difference.worse and lost >= noticed

    @property
    def forgotten(self) -> bool:
        """Whether most of it is lost."""
        found = self.difference
        less, more = (found.base, found.adapter) if found.lower_is_better else (found.adapter, found.base)
        return self.worse and less * FORGOTTEN < more

    def to_dict(self) -> dict[str, object]:
        """The shape of a report's `skills`."""
        found = self.difference
        values = {"base": round(found.base, 3), "adapter": round(found.adapter, 3)}
        return {"task": self.task, "measure": found.name, **values, "rows": found.rows, "worse": self.worse}


ANSWERED_BY = 2
"""Raised where a task answers the same prompts otherwise than before: what was kept then is no base to compare with."""


def baseline_cache(folder: Path, base: str) -> BaselineCache:
    """The cache in `folder` of what one base model says to the items.

    `base` names the model and how it is loaded; other items or other prompts are another file.
    """
    asked = [[all_tasks()[item.task].prompt(**item.inputs), item.reference] for item in items()]
    return BaselineCache(folder, [base, asked, ANSWERED_BY])


async def measure_forgetting(clients: Clients, cache: BaselineCache, budget_s: float = BUDGET_S) -> list[TaskScore]:
    """Ask the items, some of each task in turn, until all are asked or the time is spent."""
    asked = [item for item in items() if _takes(clients[0].info, item)]
    known = len(cache.predictions)

    async def predict(client: SamplingClient, item: Item) -> Prediction:
        if client is not clients[0]:
            return await _predict(client, item)
        if item.name not in cache.predictions:
            cache.predictions[item.name] = await _predict(client, item)
        prediction = cache.predictions[item.name]
        return tuple(prediction) if isinstance(prediction, list) else prediction

    pairs = await side_by_side(predict, clients, asked, budget_s)
    if len(cache.predictions) > known:
        cache.save()
    scores = []
    for task, forgetting in _measured().items():
        rows = [(item.reference, *pair) for item, pair in zip(asked, pairs, strict=False) if item.task == task]
        rows = [row for row in rows if row[1] is not None and row[2] is not None]
        if rows:
            references, base, adapter = zip(*rows, strict=True)
            scores.append(TaskScore(task, paired_difference(forgetting.metric, base, adapter, references)))
    return scores


@cache
def items() -> Sequence[Item]:
    """All items, the first of each task, then the second of each, and so on."""
    columns = [
        [
            Item(
                f"{task} {number}",
                task,
                {name: text for name, text in row.items() if name != "wanted"},
                row.get("wanted", ""),
            )
            for number, row in enumerate(forgetting.items())
        ]
        for task, forgetting in _measured().items()
    ]
    return [item for together in zip_longest(*columns) for item in together if item]


def _measured() -> dict[str, Forgetting]:
    return {name: task.forgetting for name, task in all_tasks().items() if task.forgetting}


def _takes(info: ModelInfo, item: Item) -> bool:
    """Whether the loaded model can be asked this: it may not know the language."""
    try:
        all_tasks()[item.task].read_inputs(item.inputs, info)
    except InputError:
        return False
    return True


async def _predict(client: SamplingClient, item: Item) -> Prediction:
    task = all_tasks()[item.task]
    try:
        if _measured()[item.task].metric is PERPLEXITY:
            return await _read_on(client, next(iter(item.inputs.values())))
        if not task.Output.streams_text:
            return (await answers(client, item.task, [item.inputs]))[0]
        # Asked for by the task's prompt alone: where the base is weak the tab shows something else than its words.
        max_tokens = min(8 + 2 * len(client.tokenizer.encode_continuation(item.reference)), MAX_ANSWER_TOKENS)
        return await answer(client, task.prompt(**item.inputs), max_tokens, repetition_penalty=1.1)
    except InputError:
        return None  # a model that reads little at once cannot be asked this, with or without the adapter


async def _read_on(client: SamplingClient, text: str) -> tuple[float, float]:
    """(nats, bytes) of what follows a text's opening."""
    opening, rest = client.tokenizer.encode(text[:OPENING]), client.tokenizer.encode_continuation(text[OPENING:])
    nats, read = await negative_log_likelihood(client, opening, rest)
    return nats, float(len(client.tokenizer.decode(read).encode()))
