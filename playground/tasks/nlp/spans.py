"""Which words of a passage may be an answer, and what they and the question's words alone say about each.

A small model hardly knows what a question asks for. The words do: an answer stands near the question's own words, does
not repeat them, and looks as the question's first word wants it, a number after "how many". `WEIGHTS` say how much
each of these tells, in nats, fitted on 2,000 questions of SQuAD's training part: under
them the expected F1 is highest, when answers are drawn by the softmax of their sums.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from playground.tasks.nlp.lexical_overlap import WeighedSentence, Word, read_passage

MAX_ANSWER_WORDS = 8
"""In words; in Chinese three times as many characters."""
_VERBS = frozenset(
    "is are was were be been has have had can could will would may might should that which who whom whose but while "
    "although it they he she we there this these".split()
)
_NUMERALS = frozenset(
    "one two three four five six seven eight nine ten eleven twelve hundred thousand million billion half".split()
)
_YEAR = re.compile(r"(1\d{3}|20\d\d)s?")
_PLACE_WORDS = frozenset("in at near from on".split())
_CAUSE_WORDS = frozenset("because to due for".split())
_ARTICLES = frozenset(("the", "a", "an"))
_KINDS = (
    ("count", r"\bhow (?:many|much)\b|wie ?viele?\b|\bcombien\b|多少|几"),
    (
        "when",
        r"\bwhen\b|\b(?:what|which) (?:year|date|day|decade|century|month)\b|\bwann\b|\bquand\b|什么时候|何时|哪年",
    ),
    (
        "count",
        r"\bhow (?:long|tall|far|old|high|large|big|fast|often)\b|\bwhat (?:number|amount|percent)|多[久长高远大]",
    ),
    ("who", r"\bwho(?:m|se)?\b|\bwe[rnm]\b|\bqui\b|谁"),
    (
        "where",
        r"\bwhere\b|\b(?:what|which) (?:city|country|state|town|place|county|region|continent|area|location)\b"
        r"|\bwo\b|\boù\b|哪里|哪儿|在哪",
    ),
    ("why", r"\bwhy\b|\bwhat (?:caused|reason)|\bwarum\b|\bpourquoi\b|为什么"),
    ("how", r"\bhow\b|\bwie\b|\bcomment\b|怎么"),
)
WEIGHTS: Mapping[str, float] = {
    "begins_well": 1.02,
    "count:after_cause": 0.44,
    "count:after_place": -0.49,
    "count:capitals": -0.88,
    "count:numeral": 3.13,
    "count:verb": -0.39,
    "count:words": -1.58,
    "count:year": -1.09,
    "echo": -3.32,
    "echo_any": 1.56,
    "ends_well": 1.02,
    "how:after_cause": -0.34,
    "how:words": 0.56,
    "name_cut": -0.69,
    "near_after": 2.28,
    "near_before": 4.1,
    "one_word": -0.82,
    "shared": 1.59,
    "shared_before": 0.6,
    "shared_most": 1.23,
    "shared_pairs": 1.87,
    "shared_rare": 1.59,
    "sign_inside": -0.35,
    "verb": -0.7,
    "what:after_by": 0.42,
    "what:after_place": -0.68,
    "what:all_capitals": 0.89,
    "what:capitals": 1.65,
    "what:numeral": 0.34,
    "what:words": 1.09,
    "what:year": -0.51,
    "when:after_place": 1.13,
    "when:numeral": 2.34,
    "when:words": -2.08,
    "when:year": 2.08,
    "where:after_cause": 0.44,
    "where:after_place": 1.77,
    "where:all_capitals": 0.93,
    "where:capitals": 1.36,
    "where:numeral": -0.44,
    "where:verb": -0.32,
    "where:year": -0.33,
    "who:after_by": 0.99,
    "who:after_cause": 0.35,
    "who:after_place": -0.83,
    "who:all_capitals": 1.43,
    "who:capitals": 2.18,
    "who:verb": -0.32,
    "why:after_cause": 0.36,
    "why:verb": 0.34,
    "why:words": 1.1,
    "words": -0.5,
}


@dataclass(frozen=True, slots=True)
class Start:
    """A place where an answer may begin. `ends` are the places where it may end, each with the nats that the words
    give this answer; `shared` is the share of the question's telling words that stand in the same sentence."""

    begin: int
    first_word_end: int
    ends: dict[int, float]
    shared: float


def find_starts(context: str, question: str) -> list[Start]:
    """Every place where an answer may begin: not with a bare sign, nor with a small word while others are there."""
    kind = kind_of_question(question)
    starts: list[Start] = []
    small: list[Start] = []
    for sentence in read_passage(context, question):
        shared = sentence.facts["shared"]
        for index, word in enumerate(sentence.words):
            if word.begin == word.end:
                continue
            ends = {
                sentence.words[last].end: sum(
                    WEIGHTS.get(name, 0.0) * value for name, value in _features(sentence, kind, index, last).items()
                )
                for last in _lasts(sentence.words, index)
            }
            start = Start(word.begin, word.end, ends or {word.end: 0.0}, shared)
            (small if word.small else starts).append(start)
    return starts or small[:1]


def kind_of_question(question: str) -> str:
    """What is asked for: "count", "when", "who", "where", "why", "how" or, failing these, "what"."""
    return next((kind for kind, pattern in _KINDS if re.search(pattern, question.lower())), "what")


def _lasts(words: list[Word], index: int) -> list[int]:
    chinese = "\u3400" <= words[index].text[:1] <= "\u9fff"
    reach = MAX_ANSWER_WORDS * 3 if chinese else MAX_ANSWER_WORDS
    return [last for last in range(index, min(index + reach, len(words))) if not words[last].small]


def _features(sentence: WeighedSentence, kind: str, first: int, last: int) -> dict[str, float]:
    """What is known of the words from `first` to `last`; names with a colon count for one kind of question."""
    words = sentence.words
    span = words[first : last + 1]
    size = len(span)
    previous = words[first - 1] if first else None
    following = words[last + 1] if last + 1 < len(words) else None
    capitals = sum(word.text[:1].isupper() for word in span) / size
    echo = sum(word.asked > 0 for word in span) / size
    lead = _lead(words, first)
    lower = [word.text.lower() for word in span]
    numeral = any(any(c.isdigit() for c in word) or word in _NUMERALS for word in lower)
    verb = float(not _VERBS.isdisjoint(lower))
    found = {
        **sentence.facts,
        "near_before": sentence.before[first],
        "near_after": sentence.after[last],
        "echo": echo,
        "echo_any": float(echo > 0),
        "words": size / 4,
        "one_word": float(size == 1),
        "verb": verb,
        "sign_inside": float(sum(word.closes for word in span[:-1]) + sum(word.opens for word in span[1:])),
        "begins_well": float(previous is None or previous.small or previous.closes or span[0].opens),
        "ends_well": float(following is None or following.small or span[-1].closes or following.opens),
        "name_cut": float(_joined(previous, span[0]) or _joined(span[-1], following)),
    }
    typed = {
        "capitals": capitals,
        "all_capitals": float(capitals == 1),
        "numeral": float(numeral),
        "year": float(any(_YEAR.fullmatch(word) for word in lower)),
        "words": size / 4,
        "verb": verb,
        "after_by": float(lead == "by"),
        "after_place": float(lead in _PLACE_WORDS),
        "after_cause": float(lead in _CAUSE_WORDS),
    }
    found.update({f"{kind}:{name}": value for name, value in typed.items() if value})
    return found


def _lead(words: list[Word], first: int) -> str:
    """The small word that leads to a span, over an article, unless a sign stands between."""
    for index in range(first - 1, max(-1, first - 3), -1):
        word = words[index]
        if word.closes:
            return ""
        if word.text.lower() not in _ARTICLES:
            return word.text.lower()
    return ""


def _joined(one: Word | None, other: Word | None) -> bool:
    """Whether two neighbours look like parts of one name."""
    if one is None or other is None or one.closes or other.opens:
        return False
    return one.text[:1].isupper() and other.text[:1].isupper()
