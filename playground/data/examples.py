"""Rows to what a model learns from: a conversation that ends with the assistant, or a plain text.

Prompts are written by the `writers` that are passed in, so that a taught model is asked later in exactly the words
it was taught with:

- `translate(text, target_text)` and, optionally, `translate_to(text, language)` for columns named after a language
- `summarize(text)`, `sentiment(text)`, `answer(question, context)`

Each returns the prompt's messages without the answer, which is the row's. Optionally, `not_said()` returns the answer
to a question that its passage does not answer; without it such rows cannot be used.
"""

import random
from collections.abc import Callable
from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass

from playground.data.chat import Unusable, conversation, is_open, turns
from playground.data.column_mapping import Mapping, cell
from playground.data.table import Table
from playground.errors import DataError
from playground.protocol.messages import Message
from playground.sentence import Sentence

Writers = AbstractMapping[str, Callable[..., list[Message]]]
LEAST = 2
TELLING = 20
"""So many rows held out tell a real progress from chance."""
_MAX_LISTED_LABELS = 30
_MOST_LABELS_CHARS = 3_000
"""Of all labels together: they stand in every prompt."""
_SENTIMENTS = {"positive": "positive", "pos": "positive", "negative": "negative", "neg": "negative"}


@dataclass(frozen=True, slots=True)
class Example:
    """Either `messages`, the last one the assistant's, or a plain `text`; `row` is its place in the file from 1."""

    messages: tuple[Message, ...] | None
    text: str | None
    row: int


@dataclass(frozen=True, slots=True)
class Examples:
    """What can be learned from, and the rows that cannot, each with the reason.

    `unanswered` are the usable chats that end with a question nobody answers, which is left out; `not_said` the
    questions that their passages do not answer.
    """

    usable: list[Example]
    skipped: list[tuple[int, Sentence]]
    unanswered: list[int]
    not_said: list[int]


def make_examples(table: Table, mapping: Mapping, writers: Writers) -> Examples:
    """Write every row as an example; raises `DataError` when fewer than two rows can be used."""
    write = _Writer(table, mapping, writers)
    usable: list[Example] = []
    skipped: list[tuple[int, Sentence]] = []
    for number, row in zip(table.numbers, table.rows, strict=True):
        try:
            usable.append(write.example(row, number))
        except Unusable as error:
            skipped.append((number, error.sentence))
    if len(usable) < LEAST:
        raise _too_few(len(usable), table, skipped)
    return Examples(usable, skipped, write.unanswered, write.not_said)


def _too_few(count: int, table: Table, skipped: list[tuple[int, Sentence]]) -> DataError:
    first = Sentence(" Row {row}: {reason}", row=skipped[0][0], reason=skipped[0][1]) if skipped else ""
    return DataError(
        "Only {count} of the {rows} rows can be used, and at least {least} are needed.{first}",
        count=count,
        rows=len(table.rows),
        least=LEAST,
        first=first,
    )


def split(
    examples: list[Example], seed: int = 0, share: float = 0.1, most: int = 200
) -> tuple[list[Example], list[Example]]:
    """(to learn from, held out), the same for the same seed and both in file order.

    A `share` is held out, but up to a fifth where that gives no more than `TELLING` rows: over fewer, progress drowns
    in chance. None of fewer than 10 rows, and never more than `most`. Examples that say the same stay on one side, so
    that what is held out was not seen.
    """
    if len(examples) < 10:
        return list(examples), []
    wanted = min(most, max(round(share * len(examples)), min(TELLING, len(examples) // 5)))
    groups: dict[object, list[int]] = {}
    for index, example in enumerate(examples):
        groups.setdefault(_content(example), []).append(index)
    order = list(groups.values())
    random.Random(seed).shuffle(order)
    held: set[int] = set()
    for group in order:
        if len(held) + len(group) <= wanted:
            held.update(group)
        if len(held) == wanted:
            break
    if not held:  # every text is repeated more often than may be held out: better one seen before than none
        held.update(min(order, key=len)[:wanted])
    learned = [example for index, example in enumerate(examples) if index not in held]
    return learned, [examples[index] for index in sorted(held)]


def _content(example: Example) -> object:
    if example.messages is None:
        return example.text
    return tuple((message["role"], message["content"]) for message in example.messages)


class _Writer:
    """Writes rows of one table under one mapping."""

    def __init__(self, table: Table, mapping: Mapping, writers: Writers) -> None:
        self._mapping = mapping
        self._writers = writers
        self.unanswered: list[int] = []
        self.not_said: list[int] = []
        labels = self._all_labels(table) if mapping.format == "text_label" else []
        self._are_sentiments = all(label.strip().lower() in _SENTIMENTS for label in labels)
        few = len(labels) <= _MAX_LISTED_LABELS and sum(map(len, labels)) <= _MOST_LABELS_CHARS
        self._listed = f": {', '.join(labels)}" if few else ""
        self._by_format: dict[str, Callable[[dict[str, object]], list[Message]]] = {
            "messages": self._messages,
            "instruction": self._instruction,
            "prompt_completion": self._prompt_completion,
            "question_context_answer": self._question_context_answer,
            "text_label": self._text_label,
            "translation": self._translation,
            "summary": self._summary,
        }

    def example(self, row: dict[str, object], number: int) -> Example:
        if self._mapping.format == "text":
            return Example(None, self._need(row, "text"), number)
        example = Example(tuple(self._by_format[self._mapping.format](row)), None, number)
        if self._mapping.format == "messages" and self._is_open(row):
            self.unanswered.append(number)
        if self._mapping.format == "question_context_answer" and self._is_not_said(row):
            self.not_said.append(number)
        return example

    def _messages(self, row: dict[str, object]) -> list[Message]:
        columns = self._mapping.columns
        system = self._text(row, "system")
        if "messages" in columns:
            return conversation(cell(row, columns["messages"]), system)
        return turns(cell(row, columns["input"]), cell(row, columns["output"]), system)

    def _is_open(self, row: dict[str, object]) -> bool:
        columns = self._mapping.columns
        if "messages" in columns:
            return is_open(cell(row, columns["messages"]))
        asked, answered = (cell(row, columns[role]) for role in ("input", "output"))
        return isinstance(asked, list) and isinstance(answered, list) and len(asked) > len(answered)

    def _instruction(self, row: dict[str, object]) -> list[Message]:
        prompt = self._need(row, "instruction")
        given = self._text(row, "input")
        content = f"{prompt}\n\n{given}" if given.strip() else prompt
        return [*self._system(row), {"role": "user", "content": content}, _answer(self._need(row, "output"))]

    def _prompt_completion(self, row: dict[str, object]) -> list[Message]:
        prompt = self._need(row, "prompt")
        return [*self._system(row), {"role": "user", "content": prompt}, _answer(self._need(row, "completion"))]

    def _system(self, row: dict[str, object]) -> list[Message]:
        system = self._text(row, "system")
        return [{"role": "system", "content": system}] if system.strip() else []

    def _question_context_answer(self, row: dict[str, object]) -> list[Message]:
        question, context = self._need(row, "question"), self._need(row, "context")
        asked = self._writers["answer"](question, context)
        if self._is_not_said(row):
            return [*asked, *self._writers["not_said"]()]
        return [*asked, _answer(self._need(row, "answer"))]

    def _is_not_said(self, row: dict[str, object]) -> bool:
        """SQuAD's way of saying that the passage holds no answer: a list of answers with none in it."""
        value = cell(row, self._mapping.columns["answer"])
        value = value.get("text") if isinstance(value, dict) else value
        return value == [] and "not_said" in self._writers

    def _translation(self, row: dict[str, object]) -> list[Message]:
        source, target = self._need(row, "source"), self._need(row, "target")
        language = self._mapping.target_language
        if language and "translate_to" in self._writers:
            return [*self._writers["translate_to"](source, language), _answer(target)]
        return [*self._writers["translate"](source, target), _answer(target)]

    def _summary(self, row: dict[str, object]) -> list[Message]:
        return [*self._writers["summarize"](self._need(row, "document")), _answer(self._need(row, "summary"))]

    def _text_label(self, row: dict[str, object]) -> list[Message]:
        text, label = self._need(row, "text"), self._need(row, "label")
        second = self._text(row, "text2")
        if second.strip():
            text = f"{text}\n{second}"
        if self._are_sentiments:
            return [*self._writers["sentiment"](text), _answer(_SENTIMENTS[label.strip().lower()])]
        return [{"role": "user", "content": f"Which of these fits{self._listed}?\n{text}"}, _answer(label)]

    def _all_labels(self, table: Table) -> list[str]:
        found: dict[str, None] = {}
        for row in table.rows:
            try:
                found[self._need(row, "label")] = None
            except Unusable:
                continue
        return sorted(found)

    def _need(self, row: dict[str, object], role: str) -> str:
        text = self._text(row, role)
        if not text.strip():
            raise Unusable("The column '{column}' is empty.", column=self._mapping.columns[role])
        return text

    def _text(self, row: dict[str, object], role: str) -> str:
        column = self._mapping.columns.get(role)
        value = cell(row, column) if column else None
        if role in ("answer", "completion"):
            value = _first_answer(value)
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (list, dict)):
            raise Unusable("The column '{column}' holds a list rather than text.", column=column)
        return str(value)


def _first_answer(value: object) -> object:
    """SQuAD gives several people's answers to a question: the first is taken."""
    if isinstance(value, dict) and "text" in value:
        value = value["text"]
    if isinstance(value, list):
        return _first_answer(value[0]) if value else None
    return value


def _answer(text: str) -> Message:
    return {"role": "assistant", "content": text}
