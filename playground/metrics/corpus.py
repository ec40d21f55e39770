"""Corpus metrics from per-row sufficient statistics, so that a bootstrap resample is a sum and not a second scoring.

So a metric over rows that are drawn again is exact, BLEU included. Scores are those of `scores`, which says where they
come from. The libraries are imported when something is measured: they take 35 MB, also in processes that never do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playground.metrics import scores
from playground.sentence import N_

Statistics = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CorpusMetric:
    """`statistics(predictions, references)` is (rows, K); `score` takes sums of such rows, (..., K), to (...)."""

    name: str
    statistics: Callable[[Sequence[Any], Sequence[Any]], Statistics]
    score: Callable[[Statistics], Statistics]
    lower_is_better: bool = False
    by_words: bool = False
    """Whether it needs texts with spaces between their words."""


def _scored(score: Callable[[Any, Any], float]) -> Callable[[Sequence[Any], Sequence[Any]], Statistics]:
    """Statistics of a metric that is the mean of its rows' scores."""
    return lambda predictions, references: np.array(
        [(score(one, other), 1.0) for one, other in zip(predictions, references, strict=True)], dtype=np.float64
    )


def _mean(sums: Statistics) -> Statistics:
    return np.asarray(100 * sums[..., 0] / sums[..., 1])


ACCURACY = CorpusMetric(N_("accuracy"), _scored(lambda prediction, reference: float(prediction == reference)), _mean)
F1 = CorpusMetric(
    "F1",
    _scored(lambda prediction, reference: scores.answer_f1([prediction], [[reference]]) / 100),
    _mean,
    by_words=True,
)
EXACT_MATCH = CorpusMetric(
    N_("exact match"),
    _scored(lambda prediction, reference: scores.exact_match([prediction], [[reference]]) / 100),
    _mean,
)


def macro_f1(labels: Sequence[str]) -> CorpusMetric:
    """Over the references' labels; a prediction that is none of them only misses its own."""

    def statistics(predictions: Sequence[str], references: Sequence[str]) -> Statistics:
        predicted = np.array([[one == label for label in labels] for one in predictions], dtype=np.float64)
        true = np.array([[one == label for label in labels] for one in references], dtype=np.float64)
        return np.concatenate([predicted * true, predicted + true], axis=1)

    def score(sums: Statistics) -> Statistics:
        right, both = np.split(sums, 2, axis=-1)
        there = both > 0
        f1 = np.divide(2 * right, both, out=np.zeros_like(right), where=there)
        return np.asarray(100 * f1.sum(-1) / np.maximum(there.sum(-1), 1))

    return CorpusMetric(N_("macro-F1"), statistics, score)


def _rouge(name: str, kind: str) -> CorpusMetric:
    @cache
    def scorer() -> Any:
        from rouge_score.rouge_scorer import RougeScorer

        return RougeScorer([kind], use_stemmer=True)

    def score(prediction: str, reference: str) -> float:
        return float(scorer().score(reference, prediction)[kind].fmeasure)

    return CorpusMetric(name, _scored(score), _mean, by_words=True)


ROUGE_1, ROUGE_L = _rouge("ROUGE-1", "rouge1"), _rouge("ROUGE-L", "rougeL")


def bleu(chinese: bool) -> CorpusMetric:
    # The score of a row is not read, only its statistics: `effective_order` alone keeps the library from warning of it.
    def statistics(predictions: Sequence[str], references: Sequence[str]) -> Statistics:
        from sacrebleu.metrics import BLEU

        metric = BLEU(tokenize="zh" if chinese else "13a", effective_order=True)
        rows = [metric.sentence_score(one, [other]) for one, other in zip(predictions, references, strict=True)]
        return np.array([(row.sys_len, row.ref_len, *row.counts, *row.totals) for row in rows], dtype=np.float64)

    def one(sums: Statistics) -> float:
        from sacrebleu.metrics import BLEU

        sys_len, ref_len, *rest = (int(count) for count in sums)
        orders = len(rest) // 2
        return float(BLEU.compute_bleu(rest[:orders], rest[orders:], sys_len, ref_len, smooth_method="exp").score)

    return CorpusMetric("BLEU", statistics, lambda sums: np.apply_along_axis(one, -1, sums))


def _ngram_counts(prediction: str, reference: str) -> list[float]:
    from sacrebleu.metrics import CHRF
    from sacrebleu.metrics.helpers import extract_all_char_ngrams

    found: list[float] = []
    pairs = (extract_all_char_ngrams(text, CHRF.CHAR_ORDER, False) for text in (prediction, reference))
    for ours, theirs in zip(*pairs, strict=True):
        found += [float(sum(ours.values())) if theirs else 0.0, float(sum(theirs.values()))]
        found.append(float(sum((ours & theirs).values())))
    return found


def _chrf(sums: Statistics) -> Statistics:
    """The F of the mean precision and the mean recall over the lengths of n-grams that both sides have."""
    from sacrebleu.metrics import CHRF

    n_hyp, n_ref, n_match = (sums[..., start::3] for start in range(3))
    there = (n_hyp > 0) & (n_ref > 0)
    orders = np.maximum(there.sum(-1), 1)
    precision, recall = (
        np.divide(n_match, whole, out=np.zeros_like(n_match), where=there).sum(-1) / orders for whole in (n_hyp, n_ref)
    )
    beta = CHRF.BETA**2
    below = beta * precision + recall
    return np.asarray(
        100 * np.divide((1 + beta) * precision * recall, below, out=np.zeros_like(below), where=below > 0)
    )


CHRF_SCORE = CorpusMetric(
    "chrF",
    lambda predictions, references: np.array(
        [_ngram_counts(one, other) for one, other in zip(predictions, references, strict=True)]
    ),
    _chrf,
)
PERPLEXITY = CorpusMetric(
    N_("perplexity"),
    lambda predictions, _references: np.array(predictions, dtype=np.float64),
    lambda sums: np.asarray(np.exp(sums[..., 0] / sums[..., 1])),
    lower_is_better=True,
)
"""Of rows that are (nats of surprise, tokens or bytes)."""
