"""Rows made short enough to be shown beside each other, before and after."""

import json
from collections.abc import Collection

_MAX_CHARS = 90
_END_CHARS = 20
_MAX_CELLS = 4
_SPEAKERS = ("role", "from", "speaker")
_WORDS = ("content", "value", "text")


def cells(row: dict[str, object], names: Collection[str] | None = None) -> tuple[str, ...]:
    """The first cells of a row that hold something, of these columns where some are named."""
    texts = [as_text(value) for name, value in row.items() if names is None or name in names]
    return tuple(excerpt(text) for text in texts if text)[:_MAX_CELLS]


def excerpt(text: str) -> str:
    """The text with its middle left out where it is long, for what matters often stands at its ends."""
    if len(text) <= _MAX_CHARS:
        return text
    return f"{text[: _MAX_CHARS - _END_CHARS]} … {text[-_END_CHARS:]}"


def as_text(value: object) -> str:
    """A cell as a person would write it: chats with a line for each turn."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return "\n".join(_turn(item) for item in value)
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):  # what Python's own way of writing allows, such as sets or endless numbers
        return "…"


def _turn(item: dict[str, object]) -> str:
    speaker = next((str(item[name]) for name in _SPEAKERS if name in item), "")
    words = next((item[name] for name in _WORDS if name in item), None)
    return f"{speaker}: {as_text(words)}" if speaker else as_text(item)
