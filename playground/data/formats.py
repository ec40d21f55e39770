"""How files hold examples: a format's columns, and how a row of them becomes what a model learns.

The formats here are for anything; those that are for one task stand with it, in its own prompts, so that a trained
model is asked later in exactly the words that it was trained with.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from playground.data import column_names as names
from playground.data.chat import (
    Unusable,
    are_texts,
    are_turns,
    assistant,
    continued,
    has_pictures,
    has_unlearnt,
    is_message,
    is_open,
    system_text,
    user,
)
from playground.data.choices import chosen_answer, counts_from_one, listed_choices
from playground.data.mapped_table import MappedRow, MappedTable
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
    holds: Literal["text", "answers", "turns", "any", "history", "reply", "label", "mark", "split", "id", "number"] = (
        "text"
    )
    """"answers": a text, or what is to be learnt as JSON, or several people's as SQuAD keeps them; "turns": a list, of
    messages mostly; "reply": what answers a chat that ends with a question; "label": one of few texts, under a header
    that may have more words before ("airline_sentiment"); "mark": true or false; "split": train, test and the like."""
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
    """Its turn among formats that leave equally few columns unexplained."""
    columns: tuple[Column, ...]
    to_messages: Callable[[MappedRow], list[Message]] | None
    """From a row to a conversation that ends with the assistant; raises `Unusable`. None where the first column's text
    is to be continued as it stands."""
    remarks: tuple[Remark, ...] = ()
    by_languages: bool = False
    """Whether two columns that are named after two languages are its columns, in their order."""
    suits: Callable[[MappedTable], bool] | None = None
    """Whether what stands in its columns is what it is for."""

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """Its own, and those by which rows of any format are chosen."""
        return (*self.columns, *SELECTION)

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.all_columns)


Formats = Mapping[str, DatasetFormat]
"""By name, in the order in which they are tried."""

SELECTION = (
    Column("split", "Which rows are for testing is in (optional)", names.SPLIT, required=False, holds="split"),
    Column("good", "Whether an answer is good is in (optional)", names.MARK, required=False, holds="mark"),
    Column("rating", "How good an answer is, as a number, is in (optional)", (), required=False, holds="number"),
    Column("id", "The number of a row is in (optional)", names.OWN_ID, required=False, holds="id"),
    Column("parent", "The row that a row goes on from is in (optional)", names.PARENT, required=False, holds="id"),
)
"""A rating is used only where a person says so: high may be the worse."""
SYSTEM = Column("system", "The role of the model is in (optional)", names.SYSTEM, required=False)
HISTORY = Column("history", "What was said before is in (optional)", names.HISTORY, required=False, holds="history")
CHOICES = Column("choices", "The choices are in (optional)", names.CHOICES, required=False, holds="any")


def framed(row: MappedRow, asked: list[Message], answer: str) -> list[Message]:
    """A question and its answer behind the row's role and whatever was said before, which is read but not learnt."""
    system = system_text(row.text("system")) if "system" in row.table.columns else ""
    earlier = row.value("history")
    if not earlier:
        return [*system_messages(system), *asked, assistant(answer)]
    if isinstance(earlier, str):
        first: Message = {**asked[0], "content": f"{earlier}\n\n{asked[0]['content']}"}
        return [*system_messages(system), first, *asked[1:], assistant(answer)]
    pairs = isinstance(earlier, list) and all(isinstance(pair, list) for pair in earlier)
    said = [one for pair in earlier for one in pair] if pairs else earlier  # type: ignore[attr-defined]
    before = continued(said, system=system)
    for message in before:
        if message["role"] == "assistant":
            message["weight"] = 0
    return [*before, *asked, assistant(answer)]


def system_messages(system: str) -> list[Message]:
    """The message that gives the model its role, if there is one."""
    return [{"role": "system", "content": system}] if system else []


def _chat(row: MappedRow) -> list[Message]:
    system = system_text(row.text("system"), _tools(row))
    if "messages" in row.table.columns:
        return continued(row.value("messages"), row.value("reply"), system)
    return continued(row.value("input"), row.value("output"), system)


def _tools(row: MappedRow) -> str:
    tools = row.text("tools")
    return f"Tools: {tools}" if tools.strip() not in ("", "[]") else ""


def _holds_turns(table: MappedTable) -> bool:
    """Whether somewhere stands a list of messages, and not only an answer that is a list."""
    row = next((row for row in table if row.value("messages") or row.value("input")), None)
    if row is None:
        return False
    if "messages" in table.columns:
        said = row.value("messages")
        return are_texts(said) or (isinstance(said, list) and any(map(is_message, said)))
    asked, answered = row.value("input"), row.value("output")
    turns = isinstance(answered, list) and bool(answered) and all(map(is_message, answered))
    return are_turns(asked) or turns or is_message(answered)


def _ends_with_a_question(row: MappedRow) -> bool:
    if "messages" in row.table.columns:
        return is_open(row.value("messages")) and not row.value("reply")
    asked, answered = row.value("input"), row.value("output")
    return are_texts(asked) and are_texts(answered) and len(asked) > len(answered)


def _shows_pictures(row: MappedRow) -> bool:
    return has_pictures(row.value("messages")) or has_pictures(row.value("input"))


def _holds_unlearnt(row: MappedRow) -> bool:
    return any(has_unlearnt(row.value(column)) for column in ("messages", "input", "output"))


def _instruction(row: MappedRow) -> list[Message]:
    belonging = row.text("input")
    instruction = row.text("instruction") if belonging.strip() else row.need("instruction")
    content = "\n\n".join(part for part in (instruction, belonging) if part.strip())
    return framed(row, [user(content)], row.need_answer("output"))


def _first_choice(table: MappedTable) -> int:
    return int(counts_from_one((row.value("completion"), row.value("choices")) for row in table))


def _prompt_completion(row: MappedRow) -> list[Message]:
    prompt, context, choices = row.need("prompt"), row.text("context"), row.value("choices")
    if not choices and not context:
        return framed(row, [user(prompt)], row.need_answer("completion"))
    if choices and row.text("completion").strip() == "-1":  # so sets for testing hide what is right
        raise Unusable("It is not said which of the choices is right.")
    asked = "\n\n".join(part for part in (context, prompt, listed_choices(choices)) if part.strip())
    answer = chosen_answer(row.value("completion"), choices, row.table.once(_first_choice)) or row.need_answer(
        "completion"
    )
    return framed(row, [user(asked)], answer)


MESSAGES = DatasetFormat(
    "messages",
    "whole chats",
    10,
    (
        Column(
            "messages",
            "The chat is in",
            (*names.CHAT, *names.BETTER, *names.PLAIN_TEXT),
            holds="turns",
            instead=("input", "output"),
        ),
        Column(
            "reply",
            "The answer to the chat's last question is in (optional)",
            (*names.BETTER, *names.CHAT_ANSWERS),
            required=False,
            holds="reply",
        ),
        Column("input", "All questions are in, as a list", names.CHAT_QUESTIONS, required=False, holds="any"),
        Column(
            "output",
            "All answers are in, as a list",
            (*names.BETTER, *names.CHAT_ANSWERS),
            required=False,
            holds="any",
        ),
        SYSTEM,
        Column("tools", "The tools that it may call are in (optional)", names.TOOLS, required=False, holds="any"),
    ),
    _chat,
    remarks=(
        Remark(
            "Chats whose last question has no answer: {count} (first row {row}). It is left out.", _ends_with_a_question
        ),
        Remark(
            "Chats with answers that the file says not to learn: {count} (first row {row}). These are only read.",
            _holds_unlearnt,
        ),
        Remark("Chats with pictures: {count} (first row {row}). The pictures are not used.", _shows_pictures),
    ),
    suits=_holds_turns,
)
INSTRUCTION = DatasetFormat(
    "instruction",
    "instructions with answers",
    40,
    (
        Column("instruction", "The instruction is in", names.INSTRUCTION),
        Column("input", "What belongs to it is in (optional)", names.INSTRUCTION_INPUT, required=False),
        Column("output", "The answer is in", names.INSTRUCTION_OUTPUT, holds="answers"),
        SYSTEM,
        HISTORY,
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
        Column("context", "What it is about is in (optional)", names.CONTEXT, required=False),
        CHOICES,
        SYSTEM,
        HISTORY,
    ),
    _prompt_completion,
)
TEXT = DatasetFormat("text", "plain text", 80, (Column("text", "The text is in", names.PLAIN_TEXT),), None)

GENERAL_FORMATS = (MESSAGES, INSTRUCTION, PROMPT_COMPLETION, TEXT)
