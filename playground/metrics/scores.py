"""The field's own measures, over lists of answers: given ones, and those wanted. All scores are from 0 to 100."""

import re
import string
from collections import Counter
from collections.abc import Sequence

from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF

_ARTICLES = re.compile(r"\b(a|an|the)\b")


def accuracy(given: Sequence[str], wanted: Sequence[str]) -> float:
    _check(given, wanted)
    return 100 * sum(one == other for one, other in zip(given, wanted, strict=True)) / len(wanted)


def macro_f1(given: Sequence[str], wanted: Sequence[str]) -> float:
    """The mean of the labels' F1, each label counting alike, however rare it is among the wanted ones."""
    _check(given, wanted)
    scores = []
    for label in sorted(set(wanted) | set(given)):
        right = sum(one == other == label for one, other in zip(given, wanted, strict=True))
        said, true = given.count(label), wanted.count(label)
        scores.append(2 * right / (said + true))
    return 100 * sum(scores) / len(scores)


def exact_match(given: Sequence[str], wanted: Sequence[Sequence[str]]) -> float:
    """Share of answers that equal one of the wanted ones, but for case, punctuation and articles.

    Source: Rajpurkar et al., "SQuAD", 2016.
    """
    _check(given, wanted)
    hits = sum(_plain(answer) in {_plain(other) for other in others} for answer, others in _both(given, wanted))
    return 100 * hits / len(wanted)


def answer_f1(given: Sequence[str], wanted: Sequence[Sequence[str]]) -> float:
    """Mean overlap of words with the wanted answer that fits best. Source: as for `exact_match`."""
    _check(given, wanted)
    return (
        100
        * sum(max(_overlap(answer, other) for other in others) for answer, others in _both(given, wanted))
        / (len(wanted))
    )


def bleu(given: Sequence[str], wanted: Sequence[str], chinese: bool = False) -> tuple[float, str]:
    """BLEU over the whole corpus, with sacrebleu's signature."""
    _check(given, wanted)
    metric = BLEU(tokenize="zh" if chinese else "13a")
    score = metric.corpus_score(list(given), [list(wanted)]).score
    return float(score), str(metric.get_signature())


def chrf(given: Sequence[str], wanted: Sequence[str]) -> tuple[float, str]:
    """Character n-gram F over the whole corpus, with sacrebleu's signature."""
    _check(given, wanted)
    metric = CHRF()
    score = metric.corpus_score(list(given), [list(wanted)]).score
    return float(score), str(metric.get_signature())


def rouge(given: Sequence[str], wanted: Sequence[str]) -> dict[str, float]:
    """Mean F of ROUGE-1, ROUGE-2 and ROUGE-L with Porter's stemmer; for languages written in Latin letters."""
    _check(given, wanted)
    names = ("rouge1", "rouge2", "rougeL")
    scorer = RougeScorer(list(names), use_stemmer=True)
    scores = [scorer.score(other, one) for one, other in zip(given, wanted, strict=True)]
    return {name: 100 * sum(score[name].fmeasure for score in scores) / len(scores) for name in names}


def _both(given: Sequence[str], wanted: Sequence[Sequence[str]]) -> list[tuple[str, Sequence[str]]]:
    return list(zip(given, wanted, strict=True))


def _check(given: Sequence[object], wanted: Sequence[object]) -> None:
    if not wanted or len(given) != len(wanted):
        raise ValueError(f"{len(given)} answers cannot be measured against {len(wanted)}")


def _plain(text: str) -> str:
    kept = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(_ARTICLES.sub(" ", kept).split())


def _overlap(given: str, wanted: str) -> float:
    ours, theirs = _plain(given).split(), _plain(wanted).split()
    if not ours or not theirs:
        return float(ours == theirs)
    shared = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * shared / (len(ours) + len(theirs))
