"""A text with its fields that can be said in any language: translations are looked up by its English, as in gettext."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic_core import CoreSchema


@dataclass(frozen=True, slots=True, init=False)
class Sentence:
    """`msgid` is in English; `str()` fills its `{field}`s in. A field may be a sentence itself, or an error with one.

    Without fields `msgid` is said as it stands, whatever braces it holds.
    """

    msgid: str
    fields: Mapping[str, object]

    def __init__(self, msgid: str, /, **fields: object) -> None:
        object.__setattr__(self, "msgid", msgid)
        object.__setattr__(self, "fields", {name: getattr(value, "sentence", value) for name, value in fields.items()})

    def __str__(self) -> str:
        return self.msgid.format(**self.fields) if self.fields else self.msgid

    def to_plain(self) -> dict[str, Any]:
        """The sentence as files and other processes keep it, fit for JSON; `from_plain` reads it again."""
        return {"template": self.msgid, "fields": {name: _plain(value) for name, value in self.fields.items()}}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Sentence":
        """Raises `ValueError` for what is no sentence."""
        try:
            msgid, fields = plain["template"], plain.get("fields", {})
            return cls(msgid, **{name: _read(value) for name, value in fields.items()})
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a sentence: {plain!r}") from error

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> "CoreSchema":
        """A model of pydantic's keeps it in its plain form; imported here, since most who use sentences need none."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls.from_plain(value),
            serialization=core_schema.plain_serializer_function_ser_schema(cls.to_plain),
        )


def N_(msgid: str) -> str:
    """Mark a constant as a text that is said in the visitor's language, so that its translation is asked for."""
    return msgid


def _read(value: object) -> object:
    return Sentence.from_plain(value) if isinstance(value, dict) else value


def _plain(value: object) -> Any:
    if isinstance(value, Sentence):
        return value.to_plain()
    return value if isinstance(value, int | float) else str(value)
