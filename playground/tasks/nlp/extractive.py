"""The sentences of a text that say most of it, word for word: a summary for models too small to write one.

`WEIGHTS` say how much each sign of a telling sentence counts, in nats, fitted on 1,000 research abstracts with their
one-sentence summaries (SciTLDR's training part): under them the expected ROUGE-1 is highest, when sentences are drawn
by the softmax of their sums.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping

from playground.tasks.nlp.lexical_overlap import telling_words
from playground.tasks.nlp.sentences import sentences

_WORD = re.compile(r"[\u3400-\u9fff]|[^\W\d_]+|\d+")
_OWN = re.compile(r"\b(?:we|our|this (?:paper|work|article|study|report)|in this)\b", re.IGNORECASE)
_TELLS = re.compile(
    r"\b(?:propos|present|introduc|show|develop|demonstrat|stud|investigat|describ|find|found|decid|announc|vot|"
    r"conclu|result)\w*",
    re.IGNORECASE,
)
WEIGHTS: Mapping[str, float] = {
    "central": 2.24,
    "first": 1.28,
    "frequent": 0.91,
    "last": -1.14,
    "number": -0.81,
    "own": 2.92,
    "own_tells": 1.73,
    "place": -2.62,
    "short": -1.16,
    "tells": 0.57,
    "words": 0.82,
}


def extractive_summary(text: str, count: int) -> str:
    """The `count` sentences with the highest sums, in the text's order, as one paragraph."""
    pieces = [piece.strip() for piece in sentences(text) if piece.strip()]
    sums = [sum(WEIGHTS.get(name, 0.0) * value for name, value in row.items()) for row in _features(pieces)]
    best = sorted(range(len(pieces)), key=lambda index: -sums[index])[:count]
    return " ".join(" ".join(pieces[index].split()) for index in sorted(best))


def _features(pieces: list[str]) -> list[dict[str, float]]:
    """What is known of each sentence of a text."""
    told = [telling_words(piece) for piece in pieces]
    counts = Counter(word for words in told for word in words)
    rare = {word: math.log(1 + len(pieces) / count) for word, count in counts.items()}
    found = []
    for index, (piece, words) in enumerate(zip(pieces, told, strict=True)):
        size = len(_WORD.findall(piece))
        whole = sum(rare[word] for word in words) or 1.0
        found.append(
            {
                "first": float(index == 0),
                "last": float(index == len(pieces) - 1),
                "place": index / len(pieces),
                "central": sum(rare[word] * (counts[word] > 1) for word in words) / whole,
                "frequent": sum(counts[word] for word in words) / max(1, len(words) * len(pieces)),
                "words": min(size, 60) / 20,
                "short": float(size < 8),
                "own": float(bool(_OWN.search(piece))),
                "tells": float(bool(_TELLS.search(piece))),
                "own_tells": float(bool(_OWN.search(piece) and _TELLS.search(piece))),
                "number": float(any(character.isdigit() for character in piece)),
            }
        )
    return found
