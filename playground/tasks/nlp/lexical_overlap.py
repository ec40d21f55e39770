"""How the words of a passage overlap with those of a question about it, sentence by sentence."""

import itertools
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from playground.tasks.nlp.sentences import sentences

NEAR = 4.0
"""Words after which the nearness of a word has fallen to a third."""

_UNIT = re.compile(r"[\u3400-\u9fff]|[^\s\u3400-\u9fff]+")
_EDGES = "\"'“”‘’()[]{}<>,.;:!?，。；：！？、（）《》「」"
_SMALL_WORDS = frozenset(
    "a an the of in on at to for from by with and or is are was were be been do does did has have had it its this "
    "that which who whom whose what when where why how many much there not as than then".split()
)


@dataclass(frozen=True, slots=True)
class Word:
    """`asked` is what it weighs if the question has it too, else 0; `opens` and `closes`: a sign stands there."""

    begin: int
    end: int
    text: str
    small: bool
    asked: float
    opens: bool
    closes: bool


@dataclass(frozen=True, slots=True)
class WeighedSentence:
    """A sentence's words, and what `facts` say of it as a whole: the shares of the question that it has."""

    words: list[Word]
    before: list[float]
    """How near each word is to the question's words before it, and `after`: to those after it."""
    after: list[float]
    facts: dict[str, float]


def read_passage(context: str, question: str) -> list[WeighedSentence]:
    """Weigh the words of each sentence of a passage by what they have in common with the question."""
    pieces = sentences(context)
    asked = telling_words(question)
    told = [telling_words(piece) for piece in pieces]
    rarity = _rarity(asked, told)
    whole = sum(rarity.values()) or 1.0
    shares = [sum(rarity.get(word, 0.0) for word in words & asked) / whole for words in told]
    pairs = _pairs(question)
    found = []
    stop = 0
    for number, piece in enumerate(pieces):
        first = context.index(piece, stop)
        stop = first + len(piece)
        words = [_word(context, first + m.start(), first + m.end(), rarity) for m in _UNIT.finditer(piece)]
        facts = {
            "shared": len(asked & told[number]) / len(asked) if asked else 0.0,
            "shared_rare": shares[number],
            "shared_most": float(shares[number] == max(shares)),
            "shared_before": shares[number - 1] if number else 0.0,
            "shared_pairs": len(pairs & _pairs(piece)) / max(1, len(pairs)),
        }
        weights = [word.asked / whole for word in words]
        after = _nearness(weights[::-1])[::-1]
        found.append(WeighedSentence(words, _nearness(weights), after, facts))
    return found


def telling_words(text: str) -> set[str]:
    """The words that say what a text is about, lower-cased and cut to five letters, so that endings do not matter."""
    words = {match.group().strip(_EDGES).lower() for match in _UNIT.finditer(text)}
    return {word[:5] for word in words if word and word not in _SMALL_WORDS}


def _rarity(asked: set[str], told: list[set[str]]) -> dict[str, float]:
    """The question's words that the passage has: those in fewer sentences tell more."""
    counts = Counter(word for words in told for word in words & asked)
    return {word: math.log(1 + len(told) / count) for word, count in counts.items()}


def _word(context: str, begin: int, end: int, rarity: Mapping[str, float]) -> Word:
    """Leave quotation marks, commas and the like outside."""
    first, last = begin, end
    while begin < end and context[begin] in _EDGES:
        begin += 1
    while end > begin and context[end - 1] in _EDGES:
        end -= 1
    text = context[begin:end]
    small = not text or text.lower() in _SMALL_WORDS
    asked = 0.0 if small else rarity.get(text.lower()[:5], 0.0)
    return Word(begin, end, text, small, asked, begin > first, end < last)


def _pairs(text: str) -> set[tuple[str, str]]:
    words = [match.group().strip(_EDGES).lower()[:5] for match in _UNIT.finditer(text)]
    return set(itertools.pairwise(words))


def _nearness(weights: list[float]) -> list[float]:
    """For each word, the weights before it, each faded by its distance."""
    near, found = 0.0, []
    for weight in weights:
        near *= math.exp(-1 / NEAR)
        found.append(near)
        near += weight
    return found
