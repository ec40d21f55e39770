"""What an adapter changed on rows that it never saw: its answers and the base's, by the measure that fits them."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from playground.data.examples import Example
from playground.evaluation import measures
from playground.protocol import GREEDY, Live, Message, Voice
from playground.tasks.base import ask

ROWS = 16
"""At most so many rows are asked, drawn by `SEED`, so that an adapter is ready soon."""
SEED = 0
LONGEST_ANSWER = 64
"""Tokens."""
FEW_LABELS = 8
SHORT_WORDS = 6

Measure = Literal["accuracy", "F1", "chrF"]


@dataclass(frozen=True, slots=True)
class Compared:
    """Scores from 0 to 100 over `rows` rows, of the base model and of the adapter on it."""

    measure: Measure
    rows: int
    base: float
    adapter: float


async def compare(live: Live, base: Voice, adapter: Voice, examples: Sequence[Example]) -> Compared | None:
    """Ask both; None when no row has a question to ask, as plain texts have none."""
    rows = [(list(row.messages[:-1]), row.messages[-1]["content"]) for row in examples if row.messages]
    rows = random.Random(SEED).sample(rows, min(ROWS, len(rows)))
    if not rows:
        return None
    wanted = [answer for _, answer in rows]
    measure = fitting_measure(wanted)
    without, with_it = [
        await asyncio.gather(*(_answer(live, voice, asked, answer) for asked, answer in rows))
        for voice in (base, adapter)
    ]
    return Compared(measure, len(rows), score(measure, without, wanted), score(measure, with_it, wanted))


def fitting_measure(wanted: Sequence[str]) -> Measure:
    """Few labels are right or wrong, short answers share words, and longer texts share pieces of words."""
    labels = {answer.strip().lower() for answer in wanted}
    longest = max(len(answer.split()) for answer in wanted)
    if longest <= SHORT_WORDS and len(labels) <= min(FEW_LABELS, len(wanted) // 2):
        return "accuracy"
    spaced = all(len(answer) < 20 * len(answer.split()) for answer in wanted)
    return "F1" if longest <= SHORT_WORDS and spaced else "chrF"


def score(measure: Measure, given: Sequence[str], wanted: Sequence[str]) -> float:
    """From 0 to 100. Labels are compared whatever their case."""
    if measure == "accuracy":
        return measures.accuracy([text.strip().lower() for text in given], [text.strip().lower() for text in wanted])
    if measure == "F1":
        return measures.answer_f1(given, [[text] for text in wanted])
    return measures.chrf(given, wanted)[0]


async def _answer(live: Live, voice: Voice, asked: list[Message], wanted: str) -> str:
    tokens = live.codec.chat(asked)
    room = live.codec.context_length - len(tokens)
    if room < 1:
        return ""
    size = 8 + 2 * len(live.codec.continuation(wanted))
    sampling = replace(GREEDY, max_new_tokens=min(size, LONGEST_ANSWER, room))
    text = ""
    async for chunk in ask(live, voice, tokens, sampling):
        text = chunk.text
    return text.strip()
