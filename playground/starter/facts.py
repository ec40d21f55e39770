"""Made-up passages with questions, from templates: what teaches a small model to look an answer up.

Real questions are few and hard; these are many and easy, and hold nothing that is true or false of anybody.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from playground.starter.fact_templates import KINDS

PASSAGES = 14_000
UNANSWERABLE = 0.12


@dataclass(frozen=True, slots=True)
class Asked:
    """`answer` is empty when the passage does not hold it."""

    passage: str
    question: str
    answer: str


def facts(draw: random.Random) -> Iterator[Asked]:
    """Passages of two to five facts with one question each, all different in kind within a passage."""
    for _ in range(PASSAGES):
        kinds = draw.sample(KINDS, draw.randint(3, 6))
        told = [kind(draw) for kind in kinds]
        missing = told.pop()
        passage = " ".join(fact.sentence for fact in told)
        if draw.random() < UNANSWERABLE:
            yield Asked(passage, draw.choice(missing.questions)[0], "")
        else:
            yield Asked(passage, *draw.choice(draw.choice(told).questions))
