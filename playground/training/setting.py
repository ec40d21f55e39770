"""What is said of a setting at its field, beside its type, bounds and default; and what follows for all fields."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Self

from pydantic import ValidationError, ValidationInfo, field_validator

from playground.errors import InputError
from playground.validation import StrictModel, shown

Group = Literal["How much may change", "How long and how fast", "How much at a time", "What counts"]
"""The groups of the form, in their order."""
Library = Literal["lora", "sft"]
"""Whose argument a setting is: PEFT's `LoraConfig`, or TRL's `SFTConfig`."""


@dataclass(frozen=True, slots=True)
class ConfigContext:
    """What bounds a setting beside its own range: the model that is loaded, and whose server this is."""

    context_length: int
    linear_modules: Collection[str] = ()
    local: bool = True


@dataclass(frozen=True, slots=True)
class Names:
    """Several names with commas between out of `allowed`, or `alone` by itself.

    `offered` is what the form proposes beside `alone`; others can be written in.
    """

    alone: str
    allowed: Callable[[ConfigContext], Collection[str]]
    offered: Callable[[ConfigContext], Sequence[str]]

    def as_list(self, value: str) -> list[str]:
        return [] if value == self.alone else value.split(",")


@dataclass(frozen=True, slots=True)
class Shrink:
    """How a setting gives way where memory does not do: in which `turn`, and down to what.

    A number is halved, a switch is set `to` its value. What it `halves` or `doubles` beside it keeps the run alike.
    """

    turn: int
    to: int
    halves: str = ""
    doubles: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """`help` is its line on the form. It becomes the library's `argument`, which is called like the field unless told
    otherwise, as `passed` makes it of the value.

    `affects` tells what a run takes more or less of with another value: memory (and time with it), time alone, or
    neither. `local_only` settings send something elsewhere, which only the operator of a server of their own may
    choose. Those that are not `advanced` are the first parameters of `/train`. `check` raises `InputError` for what
    type and bounds cannot say; it has no context where a stored value is read again.
    """

    group: Group
    help: str
    to: Library | None = None
    argument: str = ""
    passed: Callable[[Any], object] = lambda value: value
    affects: Literal["memory", "time", ""] = ""
    shrink: Shrink | None = None
    choices: Names | None = None
    check: Callable[[Any, ConfigContext | None], None] = lambda _value, _context: None
    local_only: bool = False
    advanced: bool = True


class SettingsModel(StrictModel):
    """A model each of whose fields has a `Setting` in its annotation."""

    @field_validator("*", mode="before")
    @classmethod
    def _check_choices(cls, value: object, info: ValidationInfo) -> object:
        name = info.field_name or ""
        choices = settings(cls)[name].choices
        return _checked_names(name, value, choices, info.context) if choices else value

    @field_validator("*")
    @classmethod
    def _check_context(cls, value: Any, info: ValidationInfo) -> Any:
        name = info.field_name or ""
        setting, default = settings(cls)[name], cls.model_fields[name].default
        setting.check(value, info.context)
        if setting.local_only and value != default and info.context is not None and not info.context.local:
            raise InputError(
                "On a shared server a run cannot report elsewhere. Leave {field} at {value}.",
                field=name,
                value=default,
            )
        return value

    @classmethod
    def stored(cls, values: Mapping[str, object]) -> Self:
        """What a run's spec holds; settings and values that are allowed no more do not make an old run unreadable."""
        known = {name: value for name, value in values.items() if name in cls.model_fields}
        try:
            return cls.model_validate(known)
        except (ValidationError, InputError):
            return cls.model_construct(**known)  # type: ignore[return-value, arg-type]

    def arguments(self, to: Library) -> dict[str, Any]:
        """What the library is to be called with."""
        return {
            setting.argument or name: setting.passed(getattr(self, name))
            for name, setting in settings(type(self)).items()
            if setting.to == to
        }

    def takes_as_much_as(self, other: Self) -> bool:
        """Whether a run takes the memory and the time that one with `other` takes."""
        costly = [name for name, setting in settings(type(self)).items() if setting.affects]
        return all(getattr(self, name) == getattr(other, name) for name in costly)


@cache
def settings(config_class: type[SettingsModel]) -> dict[str, Setting]:
    """What is said of each field, in their order."""
    found = {}
    for name, info in config_class.model_fields.items():
        found[name] = next(item for item in info.metadata if isinstance(item, Setting))
    return found


def _checked_names(field: str, value: object, choices: Names, context: ConfigContext | None) -> str:
    """The names, each once, with commas between; raises `InputError`. PEFT's own lists of names will do too.

    Without a context any names will do.
    """
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        parts = [shown(value)]
    names = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if names == [choices.alone] or (context is None and names):
        return ",".join(names)
    allowed = choices.allowed(context) if context else ()
    words = {"field": field, "alone": choices.alone, "allowed": ", ".join(allowed)}
    if not names:
        raise InputError("{field} is empty. Use {alone}, or some of: {allowed}.", **words)
    if choices.alone in names:
        raise InputError(
            "{field} names {alone} and others beside it. Use {alone} by itself, or some of: {allowed}.", **words
        )
    for unknown in names:
        if unknown not in allowed:
            raise InputError(
                "{field} cannot be {value}. Use {alone}, or some of: {allowed}.", value=shown(unknown), **words
            )
    return ",".join(names)
