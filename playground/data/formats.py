"""How files hold examples: a format's columns, and how a row of them becomes what a model learns.

The formats here are for anything; those that are for one task stand with it, in its own prompts, so that a trained
model is asked later in exactly the words that it was trained with.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from playground.data import column_names as names
from playground.data.chat import assistant, conversation, is_open, turns, user
from playground.data.mapped_table import MappedRow
from playground.protocol.messages import Message


@dataclass(frozen=True, slots=True)
class Column:
    """A part that a column of a file plays in a format: `label` asks for it on the page, `names` are the headers that
    stand for it, the likeliest first.

    Headers are compared as `column_names.plain` writes them. A word that stands in `column_names` is known to readers
    too, so that they find it below a title.
    """

    name: str
    label: str
    names: tuple[str, ...]
    required: bool = True
    holds: Literal["text", "answers", "turns", "label"] = "text"
    """"answers": a text, or several people's as SQuAD keeps them; "turns": a list, of messages mostly; "label": one of
    few texts, under a header that may have more words before ("airline_sentiment")."""
    instead: tuple[str, ...] = ()
    """Columns that together do for it."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What is said of rows that are used all the same, with their `{count}` and the first `{row}`."""

    msgid: str
    applies: Callable[[MappedRow], bool]


@dataclass(frozen=True, slots=True)
class DatasetFormat:
    """One way to hold examples, called `name` by programs and `title` on the page."""

    name: str
    title: str
    order: int
    """Its turn when a file is recognised: the first that finds all the columns it needs is taken."""
    columns: tuple[Column, ...]
    to_messages: Callable[[MappedRow], list[Message]] | None
    """From a row to a conversation that ends with the assistant; raises `Unusable`. None where the first column's text
    is to be continued as it stands."""
    remarks: tuple[Remark, ...] = ()
    by_languages: bool = False
    """Whether two columns that are named after two languages are its columns, in their order."""

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


Formats = Mapping[str, DatasetFormat]
"""By name, in the order in which they are tried."""


def _chat(row: MappedRow) -> list[Message]:
    system = row.text("system")
    if "messages" in row.table.columns:
        return conversation(row.value("messages"), system)
    return turns(row.value("input"), row.value("output"), system)


def _ends_with_a_question(row: MappedRow) -> bool:
    if "messages" in row.table.columns:
        return is_open(row.value("messages"))
    asked, answered = row.value("input"), row.value("output")
    return isinstance(asked, list) and isinstance(answered, list) and len(asked) > len(answered)


def _instruction(row: MappedRow) -> list[Message]:
    instruction, belonging = row.need("instruction"), row.text("input")
    content = f"{instruction}\n\n{belonging}" if belonging.strip() else instruction
    return [*_system(row), user(content), assistant(row.need("output"))]


def _prompt_completion(row: MappedRow) -> list[Message]:
    prompt = row.need("prompt")
    return [*_system(row), user(prompt), assistant(row.need_answer("completion"))]


def _system(row: MappedRow) -> list[Message]:
    system = row.text("system")
    return [{"role": "system", "content": system}] if system.strip() else []


_SYSTEM = Column("system", "The role of the model is in (optional)", names.SYSTEM, required=False)

MESSAGES = DatasetFormat(
    "messages",
    "whole chats",
    10,
    (
        Column("messages", "The chat is in", names.CHAT, holds="turns", instead=("input", "output")),
        Column("input", "All questions are in, as a list", names.CHAT_QUESTIONS, required=False, holds="turns"),
        Column("output", "All answers are in, as a list", names.CHAT_ANSWERS, required=False, holds="turns"),
        _SYSTEM,
    ),
    _chat,
    remarks=(
        Remark(
            "Chats whose last question has no answer: {count} (first row {row}). It is left out.", _ends_with_a_question
        ),
    ),
)
INSTRUCTION = DatasetFormat(
    "instruction",
    "instructions with answers",
    40,
    (
        Column("instruction", "The instruction is in", names.INSTRUCTION),
        Column("input", "What belongs to it is in (optional)", names.INSTRUCTION_INPUT, required=False),
        Column("output", "The answer is in", names.INSTRUCTION_OUTPUT),
        _SYSTEM,
    ),
    _instruction,
)
PROMPT_COMPLETION = DatasetFormat(
    "prompt_completion",
    "questions with answers",
    50,
    (
        Column("prompt", "The question is in", names.PROMPT),
        Column("completion", "The answer is in", names.COMPLETION, holds="answers"),
        _SYSTEM,
    ),
    _prompt_completion,
)
TEXT = DatasetFormat("text", "plain text", 80, (Column("text", "The text is in", names.PLAIN_TEXT),), None)

GENERAL_FORMATS = (MESSAGES, INSTRUCTION, PROMPT_COMPLETION, TEXT)
