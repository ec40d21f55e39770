"""Which words of a passage may be an answer, and what the question's own words say about them."""

import re
from dataclasses import dataclass

from playground.tasks.base import sentences

LONGEST_ANSWER = 8
"""In words; in Chinese three times as many characters."""

_UNIT = re.compile(r"[\u3400-\u9fff]|[^\s\u3400-\u9fff]+")
_EDGES = "\"'“”‘’()[]{}<>,.;:!?，。；：！？、（）《》「」"
_SMALL = (
    "a an the of in on at to for from by with and or is are was were be been do does did has have had it its this "
    "that which who whom whose what when where why how many much there not as than then"
)
_SMALL_WORDS = frozenset(_SMALL.split())


@dataclass(frozen=True, slots=True)
class Start:
    """A place where an answer may begin. `ends` are the places where it may end, each with its length in words;
    `shared` is the share of the question's telling words that stand in the same sentence, from 0 to 1."""

    begin: int
    first_word_end: int
    ends: dict[int, int]
    shared: float


def find_starts(context: str, question: str) -> list[Start]:
    """Every place where an answer may begin: not with a bare sign, nor with a small word while others are there."""
    asked = telling_words(question)
    units = [(match.start(), match.end()) for match in _UNIT.finditer(context)]
    starts: list[Start] = []
    small: list[Start] = []
    stop = 0
    for sentence in sentences(context):
        first = context.index(sentence, stop)
        stop = first + len(sentence)
        shared = len(asked & telling_words(sentence)) / len(asked) if asked else 0.0
        inside = [unit for unit in units if first <= unit[0] < stop]
        for index, unit in enumerate(inside):
            begin, end = _bare(context, *unit)
            if begin < end:
                ends = _ends(context, inside[index : index + _reach(context, unit)])
                start = Start(begin, end, ends or {end: 1}, shared)
                (starts if _may_border(context[begin:end]) else small).append(start)
    return starts or small[:1]


def repeated(answer: str, question: str) -> int:
    """How many telling words of the question the answer repeats."""
    return len(telling_words(answer) & telling_words(question))


def telling_words(text: str) -> set[str]:
    """The words that say what a text is about, lower-cased and cut to five letters, so that endings do not matter."""
    words = {match.group().strip(_EDGES).lower() for match in _UNIT.finditer(text)}
    return {word[:5] for word in words if word and word not in _SMALL_WORDS}


def _ends(context: str, units: list[tuple[int, int]]) -> dict[int, int]:
    bare = [_bare(context, *unit) for unit in units]
    return {end: number for number, (begin, end) in enumerate(bare, 1) if _may_border(context[begin:end])}


def _bare(context: str, begin: int, end: int) -> tuple[int, int]:
    """Leave quotation marks, commas and the like outside."""
    while begin < end and context[begin] in _EDGES:
        begin += 1
    while end > begin and context[end - 1] in _EDGES:
        end -= 1
    return begin, end


def _may_border(word: str) -> bool:
    return bool(word) and word.lower() not in _SMALL_WORDS


def _reach(context: str, unit: tuple[int, int]) -> int:
    chinese = "\u3400" <= context[unit[0]] <= "\u9fff"
    return LONGEST_ANSWER * 3 if chinese else LONGEST_ANSWER
