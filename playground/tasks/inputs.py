"""What tasks take: texts and choices from strangers, checked in one place, wherever they come from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

from playground.errors import InputError
from playground.protocol.model import ModelInfo
from playground.tasks.nlp.languages import CODES
from playground.validation import StrictModel, choices, shown

AUTO = "auto"
"""The source language that means: see for yourself."""
MAX_TEXT_CHARS = 1_000_000
"""In a text: more than a thick book, and reading it takes seconds."""


@dataclass(frozen=True, slots=True)
class Ask:
    """How a field of a task's inputs asks a person for its value; one without is only for a tab of its own."""

    label: str
    placeholder: str = ""
    line: bool = False
    """A single line, not a passage."""
    choices: Callable[[ModelInfo], Sequence[str]] | None = None
    """What may be chosen, where the loaded model decides it."""


class TaskInputs(StrictModel):
    """The base of each task's `Inputs`: tab, endpoint and checks follow from its fields."""

    @classmethod
    def asked(cls) -> dict[str, Ask]:
        """The fields that a person is asked for, in their order."""
        return {
            name: part for name, field in cls.model_fields.items() for part in field.metadata if isinstance(part, Ask)
        }

    @classmethod
    def choices(cls, name: str, info: ModelInfo | None = None) -> tuple[str, ...]:
        """What may be chosen for a field; empty for a text, and where the model decides but none is given."""
        ask = cls.asked()[name]
        if ask.choices is None:
            return tuple(map(str, choices(cls.model_fields[name])))
        return tuple(ask.choices(info)) if info else ()


def check_text(value: object, name: str = "text") -> str:
    """Return the text, or raise the sentence that says why it cannot be used."""
    if not isinstance(value, str):
        raise InputError("{name} must be text.", name=name).of(name)
    if len(value) > MAX_TEXT_CHARS:
        raise InputError(
            "That is {length} characters, and {most} are the most. Paste a part of it.",
            length=len(value),
            most=MAX_TEXT_CHARS,
        ).of(name)
    if not value.strip():
        raise InputError("Write or paste a text first.").of(name)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InputError("The text holds broken characters (half of a Unicode pair). Paste it again as plain text.").of(
            name
        ) from error
    return value


def _check_text(value: str, about: ValidationInfo) -> str:
    return check_text(value, about.field_name or "text")


def known_languages(info: ModelInfo) -> tuple[str, ...]:
    """English names of the languages that a model knows; all of them where nobody has said."""
    return info.languages or tuple(CODES)


def known_source_languages(info: ModelInfo) -> tuple[str, ...]:
    return AUTO, *known_languages(info)


def _check_language(value: str, about: ValidationInfo) -> str:
    """Validated with the `ModelInfo` as its context; without one, any language is known."""
    known = known_languages(about.context) if isinstance(about.context, ModelInfo) else tuple(CODES)
    if value in CODES and value not in known:
        raise InputError(
            "The loaded model has not learnt {language}. It knows: {known}.", language=value, known=", ".join(known)
        ).of(about.field_name or "")
    if value not in known:
        raise InputError(
            "{name} is '{value}'. Choose one of: {allowed}.",
            name=about.field_name,
            value=shown(value),
            allowed=", ".join(known),
        ).of(about.field_name or "")
    return value


def _check_source(value: str, about: ValidationInfo) -> str:
    return value if value == AUTO else _check_language(value, about)


Text = Annotated[str, AfterValidator(_check_text)]
"""A text with something in it."""
OptionalText = Annotated[str, AfterValidator(lambda value, about: _check_text(value, about) if value else "")]
Language = Annotated[str, AfterValidator(_check_language)]
"""The English name of a language that the loaded model knows."""
SourceLanguage = Annotated[str, AfterValidator(_check_source)]
"""As `Language`, or `AUTO`."""
