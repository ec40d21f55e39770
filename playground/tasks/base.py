"""What every task shares: its fields, its results, and how they are checked."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from playground.errors import InputError
from playground.protocol.client import SamplingClient
from playground.protocol.messages import Message
from playground.protocol.requests import TokenLogprob

MAX_TEXT_CHARS = 1_000_000
"""In a text: more than a thick book, and reading it takes seconds."""


@dataclass(frozen=True, slots=True)
class Field:
    """One input of a task, as the page draws it and as the API names it."""

    name: str
    label: str
    kind: Literal["text", "line", "choice"] = "text"
    placeholder: str = ""
    choices: tuple[str, ...] = ()
    default: str = ""


@dataclass(frozen=True, slots=True)
class TaskExample:
    """Inputs to start from with one click; `title` is what the chip says."""

    title: str
    inputs: dict[str, str]


@dataclass(frozen=True, slots=True)
class TextOutput:
    """The whole text so far. `part` of `parts` says which piece of a long text is being read (0 of 0: all).

    `words` are the text's tokens with their probabilities, where they were asked for.
    """

    text: str
    finished: bool = False
    part: int = 0
    parts: int = 0
    note: str = ""
    words: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class ClassificationOutput:
    """Probabilities of the labels, summing to 1, likeliest first."""

    label: str
    confidences: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Span:
    """`context[start:end]` with its probability among everything that was considered."""

    text: str
    start: int
    end: int
    confidence: float


@dataclass(frozen=True, slots=True)
class QuestionAnsweringOutput:
    """`start` and `end` are None when the passage does not say; `others` are the next best places."""

    answer: str
    confidence: float
    start: int | None = None
    end: int | None = None
    others: tuple[Span, ...] = field(default=())


class Task(ABC):
    """One thing to do with a language model. A module of this package that defines `TASK` is one more task."""

    name: ClassVar[str]
    title: ClassVar[str]
    action: ClassVar[str]
    """What the button says."""
    empty: ClassVar[str]
    """What the result area says before the first result."""
    fields: ClassVar[tuple[Field, ...]]
    examples: ClassVar[tuple[TaskExample, ...]]

    @abstractmethod
    def messages(self, **inputs: Any) -> list[Message]:
        """Write the prompt for the inputs, as the model is trained on it."""

    @abstractmethod
    def run(self, client: SamplingClient, **inputs: Any) -> AsyncIterator[Any]:
        """Check the inputs, ask the model, and yield results; the last one is whole. Raises `InputError`."""


def check_text(value: object, name: str = "text") -> str:
    """Return the text, or raise the sentence that says why it cannot be used."""
    if not isinstance(value, str):
        raise InputError("{name} must be text.", name=name)
    if len(value) > MAX_TEXT_CHARS:
        raise InputError(
            "That is {length} characters, and {most} are the most. Paste a part of it.",
            length=len(value),
            most=MAX_TEXT_CHARS,
        )
    if not value.strip():
        raise InputError("Write or paste a text first.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            "The text holds broken characters (half of a Unicode pair). Paste it again as plain text."
        ) from error
    return value


def check_choice(value: object, allowed: Sequence[str], name: str) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise InputError(
            "{name} is '{value}'. Choose one of: {allowed}.",
            name=name,
            value=str(value)[:40].encode("utf-8", "replace").decode(),
            allowed=", ".join(allowed),
        )
    return value


def sentences(text: str) -> list[str]:
    """Split after full stops, question and exclamation marks (Chinese ones too) and at line ends; drops nothing."""
    pieces: list[str] = []
    start = 0
    for position, character in enumerate(text):
        follows = text[position + 1 : position + 2]
        ends = character in "。！？\n" or (character in ".!?" and (not follows or follows.isspace()))
        if ends and text[start : position + 1].strip():
            pieces.append(text[start : position + 1])
            start = position + 1
    if text[start:].strip() or not pieces:
        pieces.append(text[start:])
    else:
        pieces[-1] += text[start:]
    return pieces
