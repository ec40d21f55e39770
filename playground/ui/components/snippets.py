"""Small pieces of HTML that are made for one visitor; whatever is put in is plain text, and is escaped."""

from collections.abc import Iterable

from markupsafe import Markup

from playground.ui.templates import snippet


def title(heading: str, below: str = "", size: str = "h") -> Markup:
    """A heading with a quiet line under it."""
    return snippet("title", heading, below, size)


def caption(text: str) -> Markup:
    """Small print."""
    return snippet("caption", text)


def warning(text: str) -> Markup:
    return snippet("warning", text)


def who(name: str, taught: bool) -> Markup:
    """Who answers: green for what was taught, grey for the base model."""
    return snippet("who", name, taught)


def tile(label: str, now: str, before: str = "", after: str = "") -> Markup:
    """A figure with, where there is one, what it was before."""
    return snippet("tile", label, now, before, after)


def tiles(*drawn: Markup) -> Markup:
    return snippet("tiles", drawn)


def facts(rows: Iterable[tuple[str, str]]) -> Markup:
    """A table of what is known: a name and a value on each row; rows without a value are left out."""
    return snippet("facts", list(rows))
