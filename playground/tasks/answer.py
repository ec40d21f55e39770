"""Question answering: the answer is always words of the passage, chosen by the model's own scores.

The model scores places where an answer may begin by their first token, then every ending of the best ones in one
pass. Words shared by the question and a sentence help, which small models need.
"""

import math
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

from playground.protocol import Live, Message, Score, ScoreRequest, Voice
from playground.tasks.base import (
    AnswerResult,
    Field,
    Span,
    Task,
    TaskExample,
    check_fits,
    check_text,
    sentences,
)

NOT_SAID = "The passage does not say."
STARTS_TRIED = 24
LONGEST_ANSWER = 12
"""In words; in Chinese twice as many characters."""
WORD_HELP = 2.0
"""Nats that a sentence sharing all of the question's telling words is worth over one sharing none."""
ECHO = 4.0
"""Nats taken from words that only repeat the question."""
CALIBRATION = 0.5
"""How much of a span's log-likelihood without the passage is taken off: common words are likely everywhere.
Source: Holtzman et al., "Surface Form Competition", 2021, who take all of it, between whole answers."""

_UNIT = re.compile(r"[\u3400-\u9fff]|[^\s\u3400-\u9fff]+")
_EDGES = "\"'“”‘’()[]{}<>,.;:!?，。；：！？、（）《》「」"
_SMALL_WORDS = frozenset(
    (
        *(
            "a",
            "an",
            "the",
            "of",
            "in",
            "on",
            "at",
            "to",
            "for",
            "from",
            "by",
            "with",
            "and",
            "or",
            "not",
            "as",
            "than",
        ),
        *("is", "are", "was", "were", "be", "been", "do", "does", "did", "has", "have", "had", "it", "its", "this"),
        *("that", "which", "who", "whom", "whose", "what", "when", "where", "why", "how", "many", "much", "then"),
    )
)


@dataclass(frozen=True, slots=True)
class _Candidate:
    start: int
    end: int
    score: float


class Answer(Task):
    name = "answer"
    title = "Question answering"
    action = "Ask"
    empty = "If the passage does not say, you will read so here."
    fields = (
        Field("question", "Question", kind="line", placeholder="Ask about the passage…"),
        Field("context", "Passage", placeholder="Paste the passage that holds the answer…"),
    )
    examples = (
        TaskExample(
            "A lighthouse",
            {
                "context": "The lighthouse on the northern cape was finished in 1858 and is 46 metres tall. Its lamp "
                "first burned rapeseed oil and later petroleum. In 1946 the lamp was converted to electricity. The "
                "last keeper, Anna Lund, left the tower in 1972 and wrote a book about birds.",
                "question": "Who was the last keeper?",
            },
        ),
        TaskExample(
            "A recipe",
            {
                "context": "Mix 300 grams of flour with a spoon of salt and 200 millilitres of warm water. Let the "
                "dough rest for 30 minutes under a cloth. Roll it out thinly and bake it at 250 degrees until the "
                "edges turn brown.",
                "question": "How long does the dough rest?",
            },
        ),
        TaskExample(
            "A question that the passage does not answer",
            {
                "context": "The old railway bridge crosses the river south of the town. It was built of iron in 1891 "
                "and carried coal trains until 1964. Today it is a path for walkers and cyclists.",
                "question": "Who composed the national anthem?",
            },
        ),
    )

    def messages(self, **inputs: Any) -> list[Message]:
        content = (
            f"Answer the question with words from the passage, or write: {NOT_SAID}\n\n"
            f"Passage: {inputs['context']}\n\nQuestion: {inputs['question']}"
        )
        return [{"role": "user", "content": content}]

    async def run(self, live: Live, voice: Voice, **inputs: Any) -> AsyncIterator[AnswerResult]:
        context = check_text(inputs.get("context"), "context")
        question = check_text(inputs.get("question"), "question").strip()
        tokens = tuple(live.codec.chat(self.messages(context=context.strip(), question=question)))
        check_fits(live, tokens, f"{context} {question}", room_for_answer=32)

        blind = tuple(live.codec.chat(self.messages(context="…", question=question)))

        async def score(texts: list[tuple[int, ...]], prompt: tuple[int, ...] = tokens) -> list[Score]:
            request = ScoreRequest(prompt, tuple(texts), voice.adapter, voice.strength, voice.owner)
            return await live.engine.score(request)

        units = [(match.start(), match.end()) for match in _UNIT.finditer(context)]
        starts = [(index, _begin(context, *unit)) for index, unit in enumerate(units)]
        starts = [(index, begin) for index, begin in starts if begin < units[index][1]]
        starts = [start for start in starts if _may_border(context[start[1] : units[start[0]][1]])] or starts[:1]
        help_at = _word_help(context, question)
        firsts = {begin: live.codec.continuation(context[begin : units[index][1]])[0] for index, begin in starts}
        distinct = sorted(set(firsts.values()))
        single = [(token,) for token in distinct]
        pairs = zip(await score(single), await score(single, blind), strict=True)
        first_scores = dict(zip(distinct, (_calibrated(*pair).logprobs[0] for pair in pairs), strict=True))
        starts.sort(key=lambda start: -(first_scores[firsts[start[1]]] + help_at(start[1])))
        candidates: list[_Candidate] = []
        tried = []
        for index, begin in starts[:STARTS_TRIED]:
            far = min(len(units), index + _reach(context, units[index])) - 1
            tried.append((begin, index, far, context[begin : units[far][1]]))
        encoded = [live.codec.continuation_with_offsets(text) for *_, text in tried]
        not_said = tuple(live.codec.continuation(NOT_SAID))
        scores = await score([*(tuple(ids) for ids, _ in encoded), not_said])
        unread = await score([tuple(ids) for ids, _ in encoded], blind)
        rows = [_calibrated(row, other) for row, other in zip(scores[:-1], unread, strict=True)]
        for (begin, index, far, _), (_, offsets), row in zip(tried, encoded, rows, strict=True):
            borders = [unit for unit in range(index, far + 1) if _may_border(context[slice(*units[unit])])] or [index]
            ends = {_finish(context, begin, units[unit][1]) for unit in borders}
            candidates += _endings(begin, ends, offsets, row, help_at(begin))
        candidates = _without_echoes(candidates, context, question)
        sure = sum(scores[-1].logprobs) + scores[-1].end_logprobs[-1]
        shared = max((help_at(begin) for _, begin in starts), default=0.0)
        yield _choose(context, candidates, _not_said(sure, WORD_HELP - 2 * shared))


def _begin(context: str, start: int, end: int) -> int:
    while start < end and context[start] in _EDGES:
        start += 1
    return start


def _finish(context: str, start: int, end: int) -> int:
    while end > start and context[end - 1] in _EDGES:
        end -= 1
    return end


def _may_border(word: str) -> bool:
    """Whether an answer may begin or end with it: not a bare sign, nor a small word, which models without much
    knowledge find likely everywhere."""
    bare = word.strip(_EDGES).lower()
    return bool(bare) and bare not in _SMALL_WORDS


def _reach(context: str, unit: tuple[int, int]) -> int:
    chinese = "\u3400" <= context[unit[0]] <= "\u9fff"
    return LONGEST_ANSWER * 2 if chinese else LONGEST_ANSWER


def _calibrated(score: Score, blind: Score) -> Score:
    """Take off what the model would say without having read the passage."""
    pairs = ((score.logprobs, blind.logprobs), (score.end_logprobs, blind.end_logprobs))
    logprobs, ends = (
        tuple(one - CALIBRATION * other for one, other in zip(read, unread, strict=True)) for read, unread in pairs
    )
    return Score(logprobs, ends)


def _endings(
    begin: int, ends: set[int], offsets: list[tuple[int, int]], score: Score, word_help: float
) -> list[_Candidate]:
    """Score every allowed ending that falls on a token's end."""
    found = []
    total = 0.0
    for (_, token_end), logprob, end_logprob in zip(offsets, score.logprobs, score.end_logprobs, strict=True):
        total += logprob
        if begin + token_end in ends:
            found.append(_Candidate(begin, begin + token_end, total + end_logprob + word_help))
    return found


def _word_help(context: str, question: str) -> Any:
    """A function from a position to the bonus of its sentence for sharing the question's telling words."""
    asked = _telling_words(question)
    spans: list[tuple[int, float]] = []
    end = 0
    for sentence in sentences(context):
        end = context.index(sentence, end) + len(sentence)
        shared = len(asked & _telling_words(sentence)) / len(asked) if asked else 0.0
        spans.append((end, WORD_HELP * shared))

    def at(position: int) -> float:
        return next((bonus for end, bonus in spans if position < end), 0.0)

    return at


def _telling_words(text: str) -> set[str]:
    words = {text[match.start() : match.end()].strip(_EDGES).lower() for match in _UNIT.finditer(text)}
    return {word[:5] for word in words if word and word not in _SMALL_WORDS}


def _without_echoes(candidates: list[_Candidate], context: str, question: str) -> list[_Candidate]:
    """Put back those that only repeat words of the question."""
    asked = _telling_words(question)
    return [
        replace(candidate, score=candidate.score - ECHO)
        if _telling_words(context[candidate.start : candidate.end]) <= asked
        else candidate
        for candidate in candidates
    ]


def _not_said(logprob: float, help_nats: float) -> float:
    """The probability that the passage does not say, against everything that it might say.

    One fixed sentence is likelier than any single span long before the model believes it; so it must be likelier than
    all other answers together, and words that the question and no sentence share speak for it.
    """
    probability = min(math.exp(min(logprob, 0.0)), 1 - 1e-9)
    odds = math.log(max(probability, 1e-12) / (1 - probability)) + help_nats
    return 1 / (1 + math.exp(-odds))


def _choose(context: str, candidates: list[_Candidate], not_said: float) -> AnswerResult:
    """Share out what is left beside `not_said` among the spans, and name the best and the next best apart from it."""
    ranked = sorted(candidates, key=lambda candidate: -candidate.score)
    weights = [math.exp(candidate.score - ranked[0].score) for candidate in ranked]
    shares = [(1 - not_said) * weight / sum(weights) for weight in weights]
    spans = [Span(context[c.start : c.end], c.start, c.end, share) for c, share in zip(ranked, shares, strict=True)]
    apart: list[Span] = []
    for span in spans:
        if all(span.end <= other.start or span.start >= other.end for other in apart):
            apart.append(span)
        if len(apart) == 4:
            break
    if not apart or not_said > 0.5:
        return AnswerResult(NOT_SAID, not_said, others=tuple(apart[:3]))
    best = apart[0]
    return AnswerResult(best.text, best.confidence, best.start, best.end, tuple(apart[1:]))


TASK = Answer()
