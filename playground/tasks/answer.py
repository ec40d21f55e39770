"""Question answering: the answer is always words of the passage, chosen by the model's own scores.

The model scores places where an answer may begin by their first token, then every ending of the best ones in one
pass, both with the passage and without it. A model that knows what it wants to say is believed. A small one is not:
common words are likely to it everywhere, so what it would say without the passage is taken off, and what the words of
the question and the passage say by themselves (`spans.py`) counts for more.
"""

import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated

from playground.data import column_names as names
from playground.data.formats import HISTORY, SYSTEM, Column, DatasetFormat, Remark, framed
from playground.data.mapped_table import MappedRow, MappedTable
from playground.metrics.corpus import EXACT_MATCH, F1
from playground.metrics.scores import answer_f1, exact_match
from playground.protocol.client import SamplingClient, in_thread
from playground.protocol.messages import Message
from playground.protocol.requests import ContinuationLogprobs
from playground.sentence import N_
from playground.tasks.base import Benchmark, Forgetting, Task, TaskExample, forgetting_items
from playground.tasks.inputs import Ask, TaskInputs, Text
from playground.tasks.nlp.spans import Start, find_starts
from playground.tasks.outputs import QuestionAnsweringOutput, Span

NOT_SAID = N_("The passage does not say.")
STARTS_BY_MODEL, STARTS_BY_WORDS = 8, 16
"""Places that are tried because the model, or because the words, find them the best."""
READING = 0.1
"""How much of what reading the passage changes counts in full doubt: a small model reads badly."""
NOISE, SURE = 0.25, 0.75
"""A model that gives less of its probability than this to all spans together only guesses; with more, it knows."""
NOT_SAID_HELP = 3.0
"""Nats for `NOT_SAID` when no sentence shares a telling word with the question, and against it when one has all."""
MAX_PASSAGE_CHARS = 1500
"""Of a benchmark: longer passages are left out, since small models cannot read them at once."""
MAX_LOOKED_AT = 500
"""Rows that tell whether answers stand in their passages."""
UNREAD = "…"
"""Stands for the passage where the model is scored without it."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """`read`: log-probability of the span, and of ending there; `unread`: the same span without the passage.
    `hint`: nats that its words alone give it."""

    start: int
    end: int
    read: float
    unread: float
    hint: float


def _row_to_messages(row: MappedRow) -> list[Message]:
    asked = TASK.prompt(question=row.need("question"), context=row.need("context"))
    return framed(row, asked, NOT_SAID if _is_not_said(row) else row.need_span("answer"))


def _found_in_passages(table: MappedTable) -> bool:
    """Whether most answers are words of their passages, and not written freely from them."""
    rows = list(islice(table, MAX_LOOKED_AT))
    spans = sum(_is_not_said(row) or "." in table.columns["answer"] or _is_in_passage(row) for row in rows)
    return 2 * spans >= len(rows)


def _is_in_passage(row: MappedRow) -> bool:
    value = row.value("answer")
    if isinstance(value, list) and value and isinstance(value[0], dict) and "answer_start" in value[0]:
        return True
    answers = value if isinstance(value, list) else [value]
    passage = row.text("context").casefold()
    return any(str(answer).strip(" .。").casefold() in passage for answer in answers if answer not in (None, ""))


def _is_not_said(row: MappedRow) -> bool:
    """SQuAD's way of saying that the passage holds no answer: a list of answers with none in it."""
    value = row.value("answer")
    return (value.get("text") if isinstance(value, dict) else value) == []


def _has_several(row: MappedRow) -> bool:
    value = row.value("answer")
    value = value.get("text") if isinstance(value, dict) else value
    return isinstance(value, list) and len({str(answer) for answer in value}) > 1


def _scores(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    return {"F1": answer_f1(predictions, references), "exact match": exact_match(predictions, references)}


class Answer(Task[QuestionAnsweringOutput]):
    name, title, action, order = "answer", N_("Question answering"), N_("Ask"), 50
    empty = N_("If the passage does not say, you will read so here.")

    class Inputs(TaskInputs):
        question: Annotated[Text, Ask("Question", placeholder="Ask about the passage…", line=True)]
        context: Annotated[Text, Ask("Passage", placeholder="Paste the passage that holds the answer…")]

    Output = QuestionAnsweringOutput
    examples = (
        TaskExample(
            "A lighthouse",
            {
                "context": N_(
                    "The lighthouse on the northern cape was finished in 1858 and is 46 metres tall. Its lamp "
                    "first burned rapeseed oil and later petroleum. In 1946 the lamp was converted to electricity. The "
                    "last keeper, Anna Lund, left the tower in 1972 and wrote a book about birds."
                ),
                "question": N_("Who was the last keeper?"),
            },
        ),
        TaskExample(
            "A recipe",
            {
                "context": N_(
                    "Mix 300 grams of flour with a spoon of salt and 200 millilitres of warm water. Let the "
                    "dough rest for 30 minutes under a cloth. Roll it out thinly and bake it at 250 degrees until the "
                    "edges turn brown."
                ),
                "question": N_("How long does the dough rest?"),
            },
        ),
        TaskExample(
            "A question that the passage does not answer",
            {
                "context": N_(
                    "The old railway bridge crosses the river south of the town. It was built of iron in 1891 "
                    "and carried coal trains until 1964. Today it is a path for walkers and cyclists."
                ),
                "question": N_("Who composed the national anthem?"),
            },
        ),
    )
    formats = (
        DatasetFormat(
            "question_context_answer",
            "questions about a passage",
            30,
            (
                Column("question", "The question is in", names.QUESTION),
                Column("context", "The passage is in", names.CONTEXT),
                Column("answer", "The answer is in", names.ANSWER, holds="answers"),
                SYSTEM,
                HISTORY,
            ),
            _row_to_messages,
            suits=_found_in_passages,
            remarks=(
                Remark(
                    "Questions that the passage does not answer: {count} (first row {row}). It learns to say so.",
                    _is_not_said,
                ),
                Remark("Questions with several answers: {count} (first row {row}). The first is learnt.", _has_several),
            ),
        ),
    )
    metrics = (F1, EXACT_MATCH)
    forgetting = Forgetting(
        F1,
        worse=N_("It got worse at answering questions about a passage."),
        forgot=N_("It forgot how to answer questions about a passage."),
        at=N_("answering questions about a passage"),
        items=forgetting_items("answer"),
    )
    benchmarks = (
        Benchmark(
            "Question answering, SQuAD",
            "qa/squad_train.jsonl",
            lambda row: {"question": row["question"], "context": row["context"]},
            lambda row: row["answers"],
            _scores,
            keep=lambda row: len(row["context"]) <= MAX_PASSAGE_CHARS,
        ),
    )

    def messages(self, inputs: Inputs) -> list[Message]:
        content = (
            f"Answer the question with words from the passage, or write: {NOT_SAID}\n\n"
            f"Passage: {inputs.context}\n\nQuestion: {inputs.question}"
        )
        return [{"role": "user", "content": content}]

    async def run(self, client: SamplingClient, inputs: Inputs) -> AsyncIterator[QuestionAnsweringOutput]:
        context, question = inputs.context, inputs.question.strip()
        asked, blind = (self.prompt(context=each, question=question) for each in (context.strip(), UNREAD))
        read = await client.encode_prompt(asked, 32, f"{context} {question}")
        unread = await in_thread(lambda: client.tokenizer.apply_chat_template(blind))
        starts = await in_thread(lambda: find_starts(context, question))
        begun = [context[start.begin : start.first_word_end] for start in starts]
        firsts = await in_thread(lambda: [client.tokenizer.encode_continuation(word)[0] for word in begun])
        tokens = [(token,) for token in sorted(set(firsts))]
        with_passage, without = [await client.compute_logprobs(prompt, tokens) for prompt in (read, unread)]
        in_passage = {token: row.logprobs[0] for (token,), row in zip(tokens, with_passage, strict=True)}
        alone = {token: row.logprobs[0] for (token,), row in zip(tokens, without, strict=True)}
        reading = [READING * (in_passage[token] - alone[token]) for token in firsts]
        by_words = [gain + max(start.ends.values()) for gain, start in zip(reading, starts, strict=True)]
        chosen = _best([in_passage[token] for token in firsts], STARTS_BY_MODEL) | _best(by_words, STARTS_BY_WORDS)
        tried = [starts[index] for index in sorted(chosen)]
        texts = [context[start.begin : max(start.ends)] for start in tried]
        encoded = [client.tokenizer.encode_continuation_with_offsets(text) for text in texts]
        ids = [tokens for tokens, _ in encoded]
        *rows, refusal = await client.compute_logprobs(read, [*ids, client.tokenizer.encode_continuation(NOT_SAID)])
        blind_rows = await client.compute_logprobs(unread, ids)
        candidates: list[_Candidate] = []
        for start, (_, offsets), row, other in zip(tried, encoded, rows, blind_rows, strict=True):
            candidates += _candidates(start, offsets, row, other)
        shared = max((start.shared for start in starts), default=0.0)
        logprob = sum(refusal.logprobs) + refusal.eos_logprobs[-1]
        yield _choose(context, candidates, _not_said(logprob, NOT_SAID_HELP * (1 - 2 * shared)))


def _best(values: list[float], count: int) -> set[int]:
    return set(sorted(range(len(values)), key=lambda index: -values[index])[:count])


def _candidates(
    start: Start, offsets: list[tuple[int, int]], row: ContinuationLogprobs, other: ContinuationLogprobs
) -> list[_Candidate]:
    """Score every allowed ending that falls on a token's end."""
    found = []
    read = unread = 0.0
    steps = zip(offsets, row.logprobs, row.eos_logprobs, other.logprobs, strict=True)
    for (_, token_end), logprob, end_logprob, unread_logprob in steps:
        read += logprob
        unread += unread_logprob
        end = start.begin + token_end
        if end in start.ends:
            found.append(_Candidate(start.begin, end, read + end_logprob, unread, start.ends[end]))
    return found


def _not_said(logprob: float, help_nats: float) -> float:
    """The probability that the passage does not say, against everything that it might say.

    One fixed sentence is likelier than any single span long before the model believes it; so it must be likelier than
    all other answers together, and words that the question and no sentence share speak for it.
    """
    probability = min(max(math.exp(min(logprob, 0.0)), 1e-12), 1 - 1e-9)
    odds = math.log(probability / (1 - probability)) + help_nats
    return 1 / (1 + math.exp(-odds))


def _choose(context: str, candidates: list[_Candidate], not_said: float) -> QuestionAnsweringOutput:
    """Share out what is left beside `not_said` among the spans, and name the best and the next best apart from it.

    The doubt is what the model leaves to texts that are no answer at all: a model that gives the spans all of its
    probability is taken by its word.
    """
    held = sum(math.exp(candidate.read) for candidate in candidates) / max(1 - not_said, 1e-9)
    trust = min(1.0, max(0.0, (held - NOISE) / (SURE - NOISE)))
    scored = [(trust * c.read + (1 - trust) * (c.hint + READING * (c.read - c.unread)), c) for c in candidates]
    scored.sort(key=lambda pair: -pair[0])
    weights = [math.exp(score - scored[0][0]) for score, _ in scored]
    shares = [(1 - not_said) * weight / sum(weights) for weight in weights]
    spans = [Span(context[c.start : c.end], c.start, c.end, x) for (_, c), x in zip(scored, shares, strict=True)]
    apart: list[Span] = []
    for span in spans:
        if all(span.end <= other.start or span.start >= other.end for other in apart):
            apart.append(span)
        if len(apart) == 4:
            break
    if not apart or not_said > 0.5:
        return QuestionAnsweringOutput(NOT_SAID, not_said, others=tuple(apart[:3]))
    best = apart[0]
    return QuestionAnsweringOutput(best.text, best.confidence, best.start, best.end, tuple(apart[1:]))


TASK = Answer()
