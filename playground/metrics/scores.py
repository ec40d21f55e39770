"""The field's own metrics, of predictions against references. All scores are from 0 to 100."""

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")


def accuracy(predictions: Sequence[str], references: Sequence[str]) -> float:
    _check(predictions, references)
    return 100 * sum(one == other for one, other in zip(predictions, references, strict=True)) / len(references)


def macro_f1(predictions: Sequence[str], references: Sequence[str]) -> float:
    """The mean of the labels' F1, each label counting alike, however rare it is among the references."""
    _check(predictions, references)
    scores = []
    for label in sorted(set(references) | set(predictions)):
        right = sum(one == other == label for one, other in zip(predictions, references, strict=True))
        predicted, true = predictions.count(label), references.count(label)
        scores.append(2 * right / (predicted + true))
    return 100 * sum(scores) / len(scores)


def exact_match(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Share of answers that equal one of their references, but for case, punctuation and articles.

    Source: Rajpurkar et al., "SQuAD", 2016.
    """
    _check(predictions, references)
    hits = sum(
        _plain(answer) in {_plain(other) for other in others} for answer, others in _both(predictions, references)
    )
    return 100 * hits / len(references)


def answer_f1(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Mean overlap of words with the reference that fits best. Source: as for `exact_match`."""
    _check(predictions, references)
    best = (max(_overlap(answer, other) for other in others) for answer, others in _both(predictions, references))
    return 100 * sum(best) / len(references)


def bleu(predictions: Sequence[str], references: Sequence[str], chinese: bool = False) -> tuple[float, str]:
    """BLEU over the whole corpus, with sacrebleu's signature."""
    _check(predictions, references)
    from sacrebleu.metrics import BLEU

    metric = BLEU(tokenize="zh" if chinese else "13a")
    score = metric.corpus_score(list(predictions), [list(references)]).score
    return float(score), str(metric.get_signature())


def chrf(predictions: Sequence[str], references: Sequence[str]) -> tuple[float, str]:
    """Character n-gram F over the whole corpus, with sacrebleu's signature."""
    _check(predictions, references)
    from sacrebleu.metrics import CHRF

    metric = CHRF()
    score = metric.corpus_score(list(predictions), [list(references)]).score
    return float(score), str(metric.get_signature())


def rouge(predictions: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Mean F of ROUGE-1, ROUGE-2 and ROUGE-L with Porter's stemmer; for languages written in Latin letters."""
    _check(predictions, references)
    names = ("rouge1", "rouge2", "rougeL")
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(list(names), use_stemmer=True)
    scores = [scorer.score(other, one) for one, other in zip(predictions, references, strict=True)]
    return {name: 100 * sum(score[name].fmeasure for score in scores) / len(scores) for name in names}


def _both(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> list[tuple[str, Sequence[str]]]:
    return list(zip(predictions, references, strict=True))


def _check(predictions: Sequence[object], references: Sequence[object]) -> None:
    if not references or len(predictions) != len(references):
        raise ValueError(f"{len(predictions)} answers cannot be measured against {len(references)}")


def _plain(text: str) -> str:
    kept = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(_ARTICLES.sub(" ", kept).split())


def _overlap(prediction: str, reference: str) -> float:
    ours, theirs = _plain(prediction).split(), _plain(reference).split()
    if not ours or not theirs:
        return float(ours == theirs)
    shared = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * shared / (len(ours) + len(theirs))


def has_spaces(texts: Sequence[str]) -> bool:
    """Whether words stand apart in most of them, as they do not in Chinese."""
    return sum(len(text) < 20 * max(1, len(text.split())) for text in texts) * 2 > len(texts)
