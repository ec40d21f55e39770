"""What a taught adapter changed on rows it never saw, by a measure that fits the rows."""

import asyncio
from pathlib import Path

import pytest

from playground.data.examples import Example
from playground.engine.live import LiveModel
from playground.evaluation.held_out import ROWS, compare, fitting_measure, score
from playground.models.codec import ModelCodec
from playground.protocol import BASE, Live, Voice


def row(number: int, asked: str, answer: str) -> Example:
    return Example(({"role": "user", "content": asked}, {"role": "assistant", "content": answer}), None, number)


@pytest.mark.parametrize(
    ("wanted", "measure"),
    [
        (["positive", "Negative", "negative", "positive"], "accuracy"),
        (["Paris", "in 1972", "Anna Lund", "two"], "F1"),
        (["It is a long answer with more words than a name has.", "Yes."], "chrF"),
        (["小狗在花园里睡觉，猫在屋里，鸟在树上，鱼在水里", "好"], "chrF"),
    ],
)
def test_the_measure_fits_the_answers(wanted: list[str], measure: str) -> None:
    assert fitting_measure(wanted) == measure


def test_labels_count_whatever_their_case() -> None:
    assert score("accuracy", ["Positive ", "x"], ["positive", "negative"]) == 50


def test_base_and_adapter_are_asked_the_same_rows(engine: LiveModel, codec: ModelCodec, adapters: list[Path]) -> None:
    """An adapter measured against itself gains nothing; one that writes otherwise scores otherwise."""
    engine.load_adapter("a", adapters[0])
    live = Live(engine, codec)
    rows = [row(number, f"Say number {number}.", f"The number is {number}, as you said.") for number in range(ROWS + 4)]
    same = asyncio.run(compare(live, Voice(BASE), Voice(BASE), rows))
    assert same is not None and same.rows == ROWS and same.base == same.adapter and same.measure == "chrF"
    changed = asyncio.run(compare(live, Voice(BASE), Voice("a"), rows))
    assert changed is not None and changed.base == same.base and changed.adapter != changed.base


def test_plain_texts_have_nothing_to_ask(engine: LiveModel, codec: ModelCodec) -> None:
    assert asyncio.run(compare(Live(engine, codec), Voice(), Voice(), [Example(None, "A text.", 1)])) is None
