"""Checks of untrusted values: a pydantic model made of them, or one `InputError` that says in a sentence what is wrong.

A field's type, bounds and choices are its only description. A validator of a model's own may raise `InputError` with
its own sentence, which passes through.
"""

import reprlib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel, BeforeValidator, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from playground.errors import InputError

Model = TypeVar("Model", bound=BaseModel)
MAX_SHOWN_CHARS = 30
_MAX_PRINTED_BITS = 10_000
_MAX_DECIMALS = 7
_NUMBER_ERRORS = ("int_type", "float_type", "int_from_float", "finite_number", "greater_than_equal", "less_than_equal")
_SHAPE_ERRORS = ("dict_type", "mapping_type", "model_type", "model_attributes_type", "dataclass_type")


class StrictModel(BaseModel, frozen=True, strict=True, allow_inf_nan=False, extra="forbid"):
    """What untrusted values become: no `true` for 1, no "3" for 3, no NaN, no field that is not known."""


def _as_whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_as_whole)]
"""An int, or a float that is whole: Gradio sends 8.0 for 8."""
Number = float
"""In a `StrictModel` a finite float, or an int that becomes one."""


def validate(model_class: type[Model], values: Mapping[str, object], context: object = None) -> Model:
    """Make a `model_class` of untrusted values; its validators find `context` in their `info.context`.

    Raises `InputError` for the first thing that is wrong: the field, what is wrong with it, and what it may be.
    """
    try:
        return model_class.model_validate(values, context=context)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _as_input_error(model_class, first).of(_find_field(model_class, first["loc"])[0]) from error


def bounds(info: FieldInfo) -> tuple[float | None, float | None]:
    """The least and the most that a field may be, both allowed; None where there is no bound."""
    least = next((item.ge for item in info.metadata if isinstance(item, Ge)), None)
    most = next((item.le for item in info.metadata if isinstance(item, Le)), None)
    return least, most  # type: ignore[return-value]


def choices(info: FieldInfo) -> tuple[object, ...]:
    """What a field of a `Literal` or `bool` may be; empty for any other."""
    if info.annotation is bool:
        return (True, False)
    return tuple(value for part in _parts(info.annotation) if get_origin(part) is Literal for value in get_args(part))


def shown(value: object) -> str:
    """A value as a sentence names it: short, on one line, fit for any encoding."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > _MAX_PRINTED_BITS:  # Python refuses to write it out
        return "…"
    text = reprlib.repr(value) if isinstance(value, list | tuple | dict | set) else str(value)
    text = " ".join(text[: 10 * MAX_SHOWN_CHARS].encode("utf-8", "replace").decode().split())
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[: MAX_SHOWN_CHARS - 3]}…"


def _as_input_error(model_class: type[BaseModel], error: ErrorDetails) -> InputError:
    kind, value = error["type"], error["input"]
    name, info = _find_field(model_class, error["loc"])
    if not error["loc"]:
        return InputError("The values must be given by their names.")
    if kind == "missing":
        return InputError("{field} is missing. Give it a value.", field=name)
    if info is None or kind == "extra_forbidden":
        known = ", ".join(model_class.model_fields)
        return InputError("There is no field called {field}. Use one of: {allowed}.", field=name, allowed=known)
    if kind in _NUMBER_ERRORS:
        return _no_such_number(name, value, kind, *bounds(info))
    if allowed := choices(info):
        words = {"value": shown(value), "allowed": ", ".join(map(shown, allowed))}
        return InputError("{field} cannot be {value}. Use one of: {allowed}.", field=name, **words)
    return _other(name, error)


def _no_such_number(name: str, value: object, kind: str, least: float | None, most: float | None) -> InputError:
    words = {"field": name, "value": shown(value)}
    if least is not None and most is not None:
        return _not_between(words, value, least, most)
    if kind == "greater_than_equal" and least is not None:
        return InputError("{field} is {value}. Use at least {least}.", least=_plain(least), **words)
    if kind == "less_than_equal" and most is not None:
        return InputError("{field} is {value}. Use at most {most}.", most=_plain(most), **words)
    if kind.startswith("int"):
        return InputError("{field} must be a whole number.", field=name)
    return InputError("{field} must be a number.", field=name)


def _not_between(words: dict[str, str], value: object, least: float, most: float) -> InputError:
    words = words | {"least": _plain(least), "most": _plain(most)}
    if isinstance(value, bool) or not isinstance(value, int | float):
        del words["value"]
        return InputError("{field} is not a number. Use {least} to {most}.", **words)
    if least <= value <= most:
        return InputError("{field} is {value}. Use a whole number from {least} to {most}.", **words)
    return InputError("{field} is {value}. Use {least} to {most}.", **words)


def _other(name: str, error: ErrorDetails) -> InputError:
    """What is no number and no choice."""
    kind, told = error["type"], error.get("ctx", {})
    if kind == "string_type":
        return InputError("{name} must be text.", name=name)
    if kind in ("string_too_long", "too_long"):
        return InputError("{field} is too long. Use at most {most}.", field=name, most=told["max_length"])
    if kind in ("string_too_short", "too_short"):
        return InputError("{field} is too short. Use at least {least}.", field=name, least=told["min_length"])
    if kind in ("list_type", "tuple_type", "set_type"):
        return InputError("{field} must be a list.", field=name)
    if kind in _SHAPE_ERRORS:
        return InputError("{field} must be an object with named values.", field=name)
    return InputError(
        "{field} cannot be {value}: {reason}.", field=name, value=shown(error["input"]), reason=error["msg"].rstrip(".")
    )


def _find_field(model_class: type[BaseModel], location: tuple[int | str, ...]) -> tuple[str, FieldInfo | None]:
    """The field at pydantic's location, and its name for people: "messages[0].content"."""
    name, info = "", None
    known: dict[str, FieldInfo] = _fields(model_class)
    for part in location:
        if isinstance(part, int):
            name += f"[{part}]"
        elif not name or part in known:
            name, info = f"{name}.{part}" if name else shown(part), known.get(part)
            nested = _parts(info.annotation) if info else ()
            known = {key: field for kind in nested for key, field in _fields(kind).items()}
    return name, info


def _fields(kind: Any) -> dict[str, FieldInfo]:
    if not isinstance(kind, type) or not issubclass(kind, BaseModel):
        return {}
    return {field.alias or name: field for name, field in kind.model_fields.items()}


def _parts(annotation: Any) -> Iterator[Any]:
    """A type and all that it is made of."""
    yield annotation
    for part in get_args(annotation) if get_origin(annotation) is not Literal else ():
        yield from _parts(part)


def _plain(bound: float) -> str:
    return f"{bound:.{_MAX_DECIMALS}f}".rstrip("0").rstrip(".")
