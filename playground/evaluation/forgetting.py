"""What an adapter forgot: the app's own tasks on a small fixed set of items, base against adapter."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

from playground.errors import InputError
from playground.evaluation.benchmark import answers
from playground.evaluation.paired import Clients, answer, negative_log_likelihood, side_by_side
from playground.files import write_json
from playground.metrics import corpus as summed
from playground.metrics.bootstrap import PairedDifference, difference
from playground.metrics.corpus import CorpusMetric
from playground.protocol.client import SamplingClient
from playground.protocol.model import ModelInfo
from playground.tasks.registry import all_tasks

log = logging.getLogger(__name__)

ITEMS_FILE = Path(__file__).resolve().parents[2] / "assets" / "skills.json"
BUDGET_S = 20.0
MAX_ANSWER_TOKENS = 64
"""Tokens."""
OPENING = 60
"""Characters of a text that are given before the rest is scored."""
MEASURES: dict[str, CorpusMetric] = {
    "sentiment": summed.ACCURACY,
    "answer": summed.F1,
    "summarize": summed.ROUGE_1,
    "translate": summed.CHRF_SCORE,
    "generate": summed.PERPLEXITY,
}
"""Perplexity is per byte here, so that it does not depend on the model's words."""

NOTICEABLE, NOTICEABLE_SHARE = 1.0, 0.02
"""A loss of fewer points of 100, or of a smaller share of the perplexity, nobody would notice, however sure it is."""

Said = str | tuple[float, float] | None
"""A text, or (nats, bytes) of one that was read; None where the model cannot be asked this."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to ask: `inputs` as the task takes them, and what it should say. `name` is for the memory."""

    name: str
    task: str
    inputs: dict[str, str]
    wanted: str


@dataclass(frozen=True, slots=True)
class TaskScore:
    task: str
    found: PairedDifference

    @property
    def worse(self) -> bool:
        """Whether it got worse beyond chance, and by enough to be noticed."""
        lost = abs(self.found.adapter - self.found.base)
        noticed = NOTICEABLE_SHARE * self.found.base if self.found.lower_is_better else NOTICEABLE
        return self.found.worse and lost >= noticed

    def to_dict(self) -> dict[str, object]:
        """The shape of a report's `skills`."""
        found = self.found
        values = {"base": round(found.base, 3), "adapter": round(found.adapter, 3)}
        return {"task": self.task, "measure": found.name, **values, "rows": found.rows, "worse": self.worse}


class BaselineCache:
    """What one base model says to the items, kept in a file so that every adapter on it is compared sooner.

    `base` names the model and how it is loaded; other items or other prompts are another file.
    """

    def __init__(self, folder: Path, base: str) -> None:
        asked = [[all_tasks()[item.task].messages(**item.inputs), item.wanted] for item in items()]
        known = hashlib.sha256(json.dumps([base, asked]).encode()).hexdigest()[:32]
        self._path = folder / f"{known}.json"
        self.said: dict[str, Any] = self._read()

    def save(self) -> None:
        """Write all that is known; a disk that refuses costs the next comparison some seconds and nothing else."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._path, self.said)
        except OSError:
            log.exception("what the base model said could not be kept in %s", self._path)

    def _read(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError):
            log.exception("what the base model said is asked again, as %s cannot be read", self._path)
            return {}


async def measure_forgetting(clients: Clients, memory: BaselineCache, budget_s: float = BUDGET_S) -> list[TaskScore]:
    """Ask the items, some of each task in turn, until all are asked or the time is spent."""
    asked = [item for item in items() if _knows(clients[0].info, item)]
    known = len(memory.said)

    async def say(client: SamplingClient, item: Item) -> Said:
        if client is not clients[0]:
            return await _said(client, item)
        if item.name not in memory.said:
            memory.said[item.name] = await _said(client, item)
        said = memory.said[item.name]
        return tuple(said) if isinstance(said, list) else said

    pairs = await side_by_side(say, clients, asked, budget_s)
    if len(memory.said) > known:
        memory.save()
    found = []
    for task, measure in MEASURES.items():
        rows = [(item, *pair) for item, pair in zip(asked, pairs, strict=False) if item.task == task]
        rows = [row for row in rows if row[1] is not None and row[2] is not None]
        if rows:
            wanted, base, adapter = [row[0].wanted for row in rows], [row[1] for row in rows], [row[2] for row in rows]
            found.append(TaskScore(task, difference(measure, base, adapter, wanted)))
    return found


@cache
def items() -> Sequence[Item]:
    """All items, the first of each task, then the second of each, and so on."""
    read: dict[str, list[dict[str, str]]] = json.loads(ITEMS_FILE.read_text(encoding="utf-8"))
    columns = []
    for task, rows in read.items():
        asked = [{name: text for name, text in row.items() if name != "wanted"} for row in rows]
        columns.append(
            [
                Item(f"{task} {number}", task, inputs, row.get("wanted", ""))
                for number, (inputs, row) in enumerate(zip(asked, rows, strict=True))
            ]
        )
    return [item for together in zip_longest(*columns) for item in together if item]


def _knows(info: ModelInfo, item: Item) -> bool:
    languages = info.languages
    return item.task != "translate" or not languages or item.inputs["target"] in languages


async def _said(client: SamplingClient, item: Item) -> Said:
    try:
        if item.task == "generate":
            return await _read_story(client, item.inputs["prompt"])
        if item.task in ("sentiment", "answer"):
            return (await answers(client, item.task, [item.inputs]))[0]
        # Asked for by the task's prompt alone: where the base is weak the tab shows something else than its words.
        most = min(8 + 2 * len(client.tokenizer.encode_continuation(item.wanted)), MAX_ANSWER_TOKENS)
        return await answer(client, all_tasks()[item.task].messages(**item.inputs), most, repetition_penalty=1.1)
    except InputError:
        return None  # a model that reads little at once cannot be asked this, with or without the adapter


async def _read_story(client: SamplingClient, text: str) -> tuple[float, float]:
    """(nats, bytes) of what follows a text's opening."""
    opening, rest = client.tokenizer.encode(text[:OPENING]), client.tokenizer.encode_continuation(text[OPENING:])
    nats, read = await negative_log_likelihood(client, opening, rest)
    return nats, float(len(client.tokenizer.decode(read).encode()))
