"""Summed measures agree with the field's own, and their intervals tell progress from chance."""

import random

import numpy as np
import pytest

from playground.metrics import corpus as summed
from playground.metrics import scores as measures
from playground.metrics.bootstrap import PairedDifference, difference, gains

WANTED = [
    "The little dog runs through the deep snow.",
    "Two women walk along the beach in the evening.",
    "Nobody knew what was in the box.",
    "A red boat sails on the pond behind the house.",
    "The cake came out flat and brown.",
    "He lit the lamp so that the ships could find their way.",
]
GIVEN = [
    "A little dog runs in the snow.",
    "Two women walk on the beach.",
    "",
    "The boat sails behind the red house on the pond.",
    "the cake was brown and flat",
    "He lit a lamp so the ships could find their way home.",
]


def total(measure: summed.CorpusMetric, given: list[str], wanted: list[str]) -> float:
    return float(measure.value(measure.counts(given, wanted).sum(axis=0)))


def test_sums_over_rows_are_the_measures_over_all() -> None:
    rouge = measures.rouge(GIVEN, WANTED)
    expected = {
        summed.CHRF_SCORE: measures.chrf(GIVEN, WANTED)[0],
        summed.bleu(chinese=False): measures.bleu(GIVEN, WANTED)[0],
        summed.F1: measures.answer_f1(GIVEN, [[text] for text in WANTED]),
        summed.EXACT_MATCH: measures.exact_match(GIVEN, [[text] for text in WANTED]),
        summed.ROUGE_1: rouge["rouge1"],
        summed.ROUGE_L: rouge["rougeL"],
    }
    for measure, value in expected.items():
        assert total(measure, GIVEN, WANTED) == pytest.approx(value), measure.name
    assert all(value > 0 for measure, value in expected.items() if measure.name != "exact match")


def test_chinese_and_labels_too() -> None:
    given, wanted = ["小狗在花园里跑步", "猫"], ["小狗在花园里睡觉", "一只猫在屋里"]
    assert total(summed.CHRF_SCORE, given, wanted) == pytest.approx(measures.chrf(given, wanted)[0])
    assert total(summed.bleu(chinese=True), given, wanted) == pytest.approx(measures.bleu(given, wanted, True)[0])
    said, true = ["a", "a", "b", "c", "b"], ["a", "b", "b", "c", "a"]
    assert total(summed.macro_f1(["a", "b", "c"]), said, true) == pytest.approx(measures.macro_f1(said, true))
    assert total(summed.ACCURACY, said, true) == measures.accuracy(said, true)


def test_an_answer_that_is_no_label_is_wrong_but_no_label_of_its_own() -> None:
    assert total(summed.macro_f1(["a", "b"]), ["a", "what?"], ["a", "b"]) == pytest.approx(50)


def test_perplexity_is_over_all_tokens_and_lower_is_better() -> None:
    rows = [(2.0, 4.0), (9.0, 6.0)]
    found = difference(summed.PERPLEXITY, rows, [(1.0, 4.0), (3.0, 6.0)], rows)
    assert found.base == pytest.approx(np.exp(1.1)) and found.adapter == pytest.approx(np.exp(0.4))
    surer = difference(summed.PERPLEXITY, rows * 5, [(1.0, 4.0), (3.0, 6.0)] * 5, rows * 5)
    assert surer.better and surer.high < 0 and not surer.worse
    assert all(gain > 0 for gain in gains(summed.PERPLEXITY, rows, [(1.0, 4.0), (3.0, 6.0)], rows))


def labels(right: int, rows: int = 40) -> list[str]:
    return ["yes"] * right + ["no"] * (rows - right)


def test_equal_answers_gain_nothing() -> None:
    found = difference(summed.CHRF_SCORE, GIVEN, GIVEN, WANTED)
    assert found.low <= 0 <= found.high and not found.better and not found.worse


def test_clear_progress_and_clear_loss_are_told_from_chance() -> None:
    wanted = labels(40)
    up = difference(summed.ACCURACY, labels(18), labels(31), wanted)
    assert (up.base, up.adapter) == (45, 77.5) and 0 < up.low < 32.5 < up.high and up.better
    down = difference(summed.ACCURACY, labels(31), labels(18), wanted)
    assert down.high < 0 and down.worse and not down.better
    assert (down.low, down.high) == pytest.approx((-up.high, -up.low))


def test_noise_is_not_sold_as_progress() -> None:
    """Two that answer at random are told apart no more often than the interval allows."""
    draw = random.Random(1)
    sold = 0
    for _ in range(60):
        wanted = [draw.choice("ab") for _ in range(30)]
        one, other = ([draw.choice("ab") for _ in range(30)] for _ in range(2))
        found = difference(summed.ACCURACY, one, other, wanted)
        sold += found.better or found.worse
    assert sold <= 9


@pytest.mark.parametrize(("rows", "better"), [(3, False), (5, False), (9, True)])
def test_a_handful_of_rows_proves_nothing(rows: int, better: bool) -> None:
    found = difference(summed.ACCURACY, ["no"] * rows, ["yes"] * rows, ["yes"] * rows)
    assert found.adapter - found.base == 100 and found.better is better


def test_a_few_lucky_answers_are_not_progress() -> None:
    """Four more of twenty lie outside the interval around nothing, yet a coin gives all four to one side in 1 of 8."""
    found = difference(summed.ACCURACY, labels(8, 20), labels(12, 20), labels(20, 20))
    assert found.low > 0 and found.chance == pytest.approx(1 / 8, abs=0.04)
    assert not found.better and not found.worse
    surer = difference(summed.ACCURACY, labels(8, 20), labels(16, 20), labels(20, 20))
    assert surer.better and surer.chance < 0.02


def test_the_same_rows_give_the_same_interval() -> None:
    one, other = (difference(summed.CHRF_SCORE, WANTED[::-1], GIVEN, WANTED) for _ in range(2))
    assert one == other and one.low < one.high
    assert PairedDifference("F1", 1.23456, 2, 0, 1, 9).to_dict() == {
        "name": "F1",
        "base": 1.235,
        "adapter": 2,
        "low": 0,
        "high": 1,
        "rows": 9,
        "chance": 0.0,
        "better": False,
        "worse": False,
    }
