"""Measures as sums: what each row counts, and the value of any sum of such counts.

So a measure over rows that are drawn again is exact, corpus measures such as BLEU included, and costs no second look
at the texts. Values are those of `measures`, which says where they come from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.metrics.helpers import extract_all_char_ngrams

from playground.metrics import scores as measures
from playground.sentence import N_

Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CorpusMetric:
    """`counts(given, wanted)` is (rows, K); `value` takes sums of such rows, (..., K), to values, (...)."""

    name: str
    counts: Callable[[Sequence[Any], Sequence[Any]], Counts]
    value: Callable[[Counts], Counts]
    lower_is_better: bool = False


def _scored(score: Callable[[Any, Any], float]) -> Callable[[Sequence[Any], Sequence[Any]], Counts]:
    """Counts of a measure that is the mean of its rows' scores."""
    return lambda given, wanted: np.array(
        [(score(one, other), 1.0) for one, other in zip(given, wanted, strict=True)], dtype=np.float64
    )


def _mean(sums: Counts) -> Counts:
    return np.asarray(100 * sums[..., 0] / sums[..., 1])


ACCURACY = CorpusMetric(N_("accuracy"), _scored(lambda given, wanted: float(given == wanted)), _mean)
F1 = CorpusMetric("F1", _scored(lambda given, wanted: measures.answer_f1([given], [[wanted]]) / 100), _mean)
EXACT_MATCH = CorpusMetric(
    N_("exact match"), _scored(lambda given, wanted: measures.exact_match([given], [[wanted]]) / 100), _mean
)


def macro_f1(labels: Sequence[str]) -> CorpusMetric:
    """Over the wanted labels; an answer that is none of them only misses its own."""

    def counts(given: Sequence[str], wanted: Sequence[str]) -> Counts:
        said = np.array([[one == label for label in labels] for one in given], dtype=np.float64)
        true = np.array([[one == label for label in labels] for one in wanted], dtype=np.float64)
        return np.concatenate([said * true, said + true], axis=1)

    def value(sums: Counts) -> Counts:
        right, both = np.split(sums, 2, axis=-1)
        there = both > 0
        scores = np.divide(2 * right, both, out=np.zeros_like(right), where=there)
        return np.asarray(100 * scores.sum(-1) / np.maximum(there.sum(-1), 1))

    return CorpusMetric(N_("macro-F1"), counts, value)


def _rouge(name: str, kind: str) -> CorpusMetric:
    scorer = RougeScorer([kind], use_stemmer=True)
    return CorpusMetric(name, _scored(lambda given, wanted: float(scorer.score(wanted, given)[kind].fmeasure)), _mean)


ROUGE_1, ROUGE_L = _rouge("ROUGE-1", "rouge1"), _rouge("ROUGE-L", "rougeL")


def bleu(chinese: bool) -> CorpusMetric:
    # The score of a row is not read, only its counts: `effective_order` alone keeps the library from warning of it.
    metric = BLEU(tokenize="zh" if chinese else "13a", effective_order=True)

    def counts(given: Sequence[str], wanted: Sequence[str]) -> Counts:
        rows = [metric.sentence_score(one, [other]) for one, other in zip(given, wanted, strict=True)]
        return np.array([(row.sys_len, row.ref_len, *row.counts, *row.totals) for row in rows], dtype=np.float64)

    def one(sums: Counts) -> float:
        given, wanted, *rest = (int(count) for count in sums)
        orders = len(rest) // 2
        return float(BLEU.compute_bleu(rest[:orders], rest[orders:], given, wanted, smooth_method="exp").score)

    return CorpusMetric("BLEU", counts, lambda sums: np.apply_along_axis(one, -1, sums))


def _ngram_counts(given: str, wanted: str) -> list[float]:
    found: list[float] = []
    pairs = (extract_all_char_ngrams(text, CHRF.CHAR_ORDER, False) for text in (given, wanted))
    for ours, theirs in zip(*pairs, strict=True):
        found += [float(sum(ours.values())) if theirs else 0.0, float(sum(theirs.values()))]
        found.append(float(sum((ours & theirs).values())))
    return found


def _chrf(sums: Counts) -> Counts:
    """The F of the mean precision and the mean recall over the lengths of n-grams that both sides have."""
    given, wanted, shared = (sums[..., start::3] for start in range(3))
    there = (given > 0) & (wanted > 0)
    orders = np.maximum(there.sum(-1), 1)
    precision, recall = (
        np.divide(shared, whole, out=np.zeros_like(shared), where=there).sum(-1) / orders for whole in (given, wanted)
    )
    beta = CHRF.BETA**2
    below = beta * precision + recall
    return np.asarray(
        100 * np.divide((1 + beta) * precision * recall, below, out=np.zeros_like(below), where=below > 0)
    )


CHRF_SCORE = CorpusMetric(
    "chrF",
    lambda given, wanted: np.array([_ngram_counts(one, other) for one, other in zip(given, wanted, strict=True)]),
    _chrf,
)
PERPLEXITY = CorpusMetric(
    N_("perplexity"),
    lambda given, _wanted: np.array(given, dtype=np.float64),
    lambda sums: np.asarray(np.exp(sums[..., 0] / sums[..., 1])),
    lower_is_better=True,
)
"""Of rows that are (nats of surprise, tokens or bytes)."""
