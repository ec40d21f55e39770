"""What tasks answer with, by the names of huggingface_hub's inference types."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from playground.errors import InputError
from playground.protocol.requests import TokenLogprob
from playground.sentence import N_

UNANSWERED = N_("The model ended while it was still thinking. Let it write more, or turn thinking off.")


class TaskOutput(ABC):
    """One result; a task that streams yields several, the last one whole."""

    streams_text: ClassVar[bool] = False
    """Whether what a program gets is a text that grows."""

    @property
    @abstractmethod
    def prediction(self) -> str:
        """What metrics compare with the reference."""

    @abstractmethod
    def to_api(self) -> Any:
        """What a program gets, as plain JSON."""

    @abstractmethod
    def to_text(self) -> str:
        """What a person reads where nothing draws it better."""


@dataclass(frozen=True, slots=True)
class TextOutput(TaskOutput):
    """The whole text so far. `part` of `parts` says which piece of a long text is being read (0 of 0: all).

    `words` are the text's tokens with their probabilities, where they were asked for. `note` is the task's own word on
    where the text comes from. `thinking` is what was thought before it, for `thought_s` seconds, which is no part of
    the answer; `unanswered` says that it ended there.
    """

    streams_text: ClassVar[bool] = True
    text: str
    finished: bool = False
    part: int = 0
    parts: int = 0
    note: str = ""
    words: tuple[TokenLogprob, ...] = ()
    thinking: str = ""
    thought_s: float = 0.0
    unanswered: bool = False

    @property
    def prediction(self) -> str:
        return self.text

    def to_api(self) -> str:
        if self.unanswered:
            raise InputError(UNANSWERED)
        return self.text

    def to_text(self) -> str:
        return self.to_api()


@dataclass(frozen=True, slots=True)
class ClassificationOutput(TaskOutput):
    """Probabilities of the labels, summing to 1, likeliest first."""

    label: str
    confidences: tuple[tuple[str, float], ...]

    @property
    def prediction(self) -> str:
        return self.label

    def to_api(self) -> dict[str, Any]:
        shares = [{"label": label, "confidence": confidence} for label, confidence in self.confidences]
        return {"label": self.label, "confidences": shares}

    def to_text(self) -> str:
        return "\n".join(f"{label}: {confidence:.0%}" for label, confidence in self.confidences)


@dataclass(frozen=True, slots=True)
class Span:
    """`context[start:end]` with its probability among everything that was considered."""

    text: str
    start: int
    end: int
    confidence: float


@dataclass(frozen=True, slots=True)
class QuestionAnsweringOutput(TaskOutput):
    """`start` and `end` are None when the passage does not say; `others` are the next best places."""

    answer: str
    confidence: float
    start: int | None = None
    end: int | None = None
    others: tuple[Span, ...] = ()

    @property
    def prediction(self) -> str:
        return self.answer

    def to_api(self) -> dict[str, Any]:
        return {"answer": self.answer, "start": self.start, "end": self.end, "confidence": self.confidence}

    def to_text(self) -> str:
        return f"{self.answer} ({self.confidence:.0%})"
