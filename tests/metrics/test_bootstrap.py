"""Corpus metrics agree with the field's own, and their intervals tell progress from chance."""

import random

import numpy as np
import pytest

from playground.metrics import corpus, scores
from playground.metrics.bootstrap import PairedDifference, gains, paired_difference

REFERENCES = [
    "The little dog runs through the deep snow.",
    "Two women walk along the beach in the evening.",
    "Nobody knew what was in the box.",
    "A red boat sails on the pond behind the house.",
    "The cake came out flat and brown.",
    "He lit the lamp so that the ships could find their way.",
]
PREDICTIONS = [
    "A little dog runs in the snow.",
    "Two women walk on the beach.",
    "",
    "The boat sails behind the red house on the pond.",
    "the cake was brown and flat",
    "He lit a lamp so the ships could find their way home.",
]


def total(metric: corpus.CorpusMetric, predictions: list[str], references: list[str]) -> float:
    return float(metric.score(metric.statistics(predictions, references).sum(axis=0)))


def test_sums_over_rows_are_the_scores_over_all() -> None:
    rouge = scores.rouge(PREDICTIONS, REFERENCES)
    expected = {
        corpus.CHRF_SCORE: scores.chrf(PREDICTIONS, REFERENCES)[0],
        corpus.bleu(chinese=False): scores.bleu(PREDICTIONS, REFERENCES)[0],
        corpus.F1: scores.answer_f1(PREDICTIONS, [[text] for text in REFERENCES]),
        corpus.EXACT_MATCH: scores.exact_match(PREDICTIONS, [[text] for text in REFERENCES]),
        corpus.ROUGE_1: rouge["rouge1"],
        corpus.ROUGE_L: rouge["rougeL"],
    }
    for metric, value in expected.items():
        assert total(metric, PREDICTIONS, REFERENCES) == pytest.approx(value), metric.name
    assert all(value > 0 for metric, value in expected.items() if metric.name != "exact match")


def test_chinese_and_labels_too() -> None:
    predictions, references = ["小狗在花园里跑步", "猫"], ["小狗在花园里睡觉", "一只猫在屋里"]
    assert total(corpus.CHRF_SCORE, predictions, references) == pytest.approx(scores.chrf(predictions, references)[0])
    assert total(corpus.bleu(chinese=True), predictions, references) == pytest.approx(
        scores.bleu(predictions, references, True)[0]
    )
    predicted, true = ["a", "a", "b", "c", "b"], ["a", "b", "b", "c", "a"]
    assert total(corpus.macro_f1(["a", "b", "c"]), predicted, true) == pytest.approx(scores.macro_f1(predicted, true))
    assert total(corpus.ACCURACY, predicted, true) == scores.accuracy(predicted, true)


def test_an_answer_that_is_no_label_is_wrong_but_no_label_of_its_own() -> None:
    assert total(corpus.macro_f1(["a", "b"]), ["a", "what?"], ["a", "b"]) == pytest.approx(50)


def test_perplexity_is_over_all_tokens_and_lower_is_better() -> None:
    rows = [(2.0, 4.0), (9.0, 6.0)]
    found = paired_difference(corpus.PERPLEXITY, rows, [(1.0, 4.0), (3.0, 6.0)], rows)
    assert found.base == pytest.approx(np.exp(1.1)) and found.adapter == pytest.approx(np.exp(0.4))
    surer = paired_difference(corpus.PERPLEXITY, rows * 5, [(1.0, 4.0), (3.0, 6.0)] * 5, rows * 5)
    assert surer.better and surer.ci_high < 0 and not surer.worse
    assert all(gain > 0 for gain in gains(corpus.PERPLEXITY, rows, [(1.0, 4.0), (3.0, 6.0)], rows))


def labels(right: int, rows: int = 40) -> list[str]:
    return ["yes"] * right + ["no"] * (rows - right)


def test_equal_answers_gain_nothing() -> None:
    found = paired_difference(corpus.CHRF_SCORE, PREDICTIONS, PREDICTIONS, REFERENCES)
    assert found.ci_low <= 0 <= found.ci_high and not found.better and not found.worse


def test_clear_progress_and_clear_loss_are_told_from_chance() -> None:
    references = labels(40)
    up = paired_difference(corpus.ACCURACY, labels(18), labels(31), references)
    assert (up.base, up.adapter) == (45, 77.5) and 0 < up.ci_low < 32.5 < up.ci_high and up.better
    down = paired_difference(corpus.ACCURACY, labels(31), labels(18), references)
    assert down.ci_high < 0 and down.worse and not down.better
    assert (down.ci_low, down.ci_high) == pytest.approx((-up.ci_high, -up.ci_low))


def test_noise_is_not_sold_as_progress() -> None:
    """Two that answer at random are told apart no more often than the interval allows."""
    draw = random.Random(1)
    sold = 0
    for _ in range(60):
        references = [draw.choice("ab") for _ in range(30)]
        one, other = ([draw.choice("ab") for _ in range(30)] for _ in range(2))
        found = paired_difference(corpus.ACCURACY, one, other, references)
        sold += found.better or found.worse
    assert sold <= 9


@pytest.mark.parametrize(("rows", "better"), [(3, False), (5, False), (9, True)])
def test_a_handful_of_rows_proves_nothing(rows: int, better: bool) -> None:
    found = paired_difference(corpus.ACCURACY, ["no"] * rows, ["yes"] * rows, ["yes"] * rows)
    assert found.adapter - found.base == 100 and found.better is better


def test_a_few_lucky_answers_are_not_progress() -> None:
    """Four more of twenty lie outside the interval around nothing, yet a coin gives all four to one side in 1 of 8."""
    found = paired_difference(corpus.ACCURACY, labels(8, 20), labels(12, 20), labels(20, 20))
    assert found.ci_low > 0 and found.p_value == pytest.approx(1 / 8, abs=0.04)
    assert not found.better and not found.worse
    surer = paired_difference(corpus.ACCURACY, labels(8, 20), labels(16, 20), labels(20, 20))
    assert surer.better and surer.p_value < 0.02


def test_the_same_rows_give_the_same_interval() -> None:
    one, other = (paired_difference(corpus.CHRF_SCORE, REFERENCES[::-1], PREDICTIONS, REFERENCES) for _ in range(2))
    assert one == other and one.ci_low < one.ci_high
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
