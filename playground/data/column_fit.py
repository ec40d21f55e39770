"""Whether what stands in a column of a file is what a part of a format holds."""

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice

from playground.data.chat import are_turns, is_open
from playground.data.column_names import CHAT, plain, split_named
from playground.data.formats import Column
from playground.data.languages import language_of
from playground.data.table import Table, cell

_LOOKED_AT = 50
_LABEL_CHARS = 100
_LABEL_WORDS = 6
_NOTE_CHARS = 30
_MAY_BE_NOTES = frozenset(
    map(plain, "task reference evidence article document story knowledge background post".split())
)
"""Names that stand for a text as often as for a note of one word about it."""
TRUE = frozenset("true yes y 1 1.0 good correct right thumbs_up up accepted".split())
FALSE = frozenset("false no n 0 0.0 -1 bad incorrect wrong thumbs_down down rejected".split())


def fits(table: Table, header: str, column: Column, found: Mapping[str, str]) -> str:
    """The header if its cells are of the right shape, the place inside it where they are, or ""."""
    holds, kind = column.holds, shape(table, header)
    if holds == "answers":
        return f"{header}.text" if kind is dict and f"{header}.text" in paths(table) else header
    if holds in ("turns", "any"):
        return _turns(table, header, kind, holds)
    if holds == "reply":
        is_right = _is_reply(table, header, found)
    elif kind is list and holds == "label":
        listed = [value for value in _first(table, header) if isinstance(value, list)]
        is_right = _is_label([str(item) for items in listed for item in items]) and not any(map(_nests, listed))
    elif kind is not str:
        is_right = holds == "history" or (holds == "text" and column.name in ("input", "context", "system"))
    elif holds in _CHECKS:
        is_right = _CHECKS[holds](_texts(table, header))
    else:
        may_be_note = holds == "history" or plain(header) in _MAY_BE_NOTES
        is_right = not (may_be_note and _are_notes(_texts(table, header)))
    return header if is_right else ""


def holds_code(table: Table, header: str) -> bool:
    """Whether a column that is named after a chat holds the text of lists that could not be read."""
    return plain(header) in CHAT and any(
        str(value).lstrip()[:2] in ("[{", "{'", '{"') for value in _first(table, header)
    )


def _turns(table: Table, header: str, kind: type, holds: str) -> str:
    if kind is dict and f"{header}.messages" in paths(table):
        return f"{header}.messages"
    if holds == "any":
        return header if _first(table, header) else ""
    first = next(iter(_first(table, header)), None)
    return header if kind is list and are_turns(first) else ""


def _is_reply(table: Table, header: str, found: Mapping[str, str]) -> bool:
    chats = [cell(row, found["messages"]) for row in islice(table.rows, _LOOKED_AT)] if "messages" in found else []
    said = _first(table, header)
    whole = any(isinstance(value, list) and value and is_open(value[:1]) for value in said)
    return bool(chats) and all(map(is_open, filter(None, chats))) and not whole and any(chats)


def _is_label(texts: list[str]) -> bool:
    """Short, or said again: nothing that somebody has written for this row alone."""
    short = sum(len(text) <= _LABEL_CHARS and len(text.split()) <= _LABEL_WORDS for text in texts)
    return short >= 0.9 * len(texts) or 2 * len(set(texts)) <= len(texts)


def _is_mark(texts: list[str]) -> bool:
    said = {text.lower() for text in texts}
    return bool(said) and said <= TRUE | FALSE


def _is_split(texts: list[str]) -> bool:
    said = {split_named(text) for text in set(texts)}
    return "train" in said and "" not in said


def _is_number(texts: list[str]) -> bool:
    return all(text.replace(".", "", 1).replace("-", "", 1).isdigit() for text in texts)


def _are_ids(texts: list[str]) -> bool:
    return all(len(text.split()) == 1 for text in texts)


_CHECKS: dict[str, Callable[[list[str]], bool]] = {
    "label": _is_label,
    "mark": _is_mark,
    "split": _is_split,
    "number": _is_number,
    "id": _are_ids,
}


def _nests(items: list[object]) -> bool:
    return any(isinstance(item, (list, dict)) for item in items)


def _are_notes(texts: list[str]) -> bool:
    """One word each, such as "closed_qa", "wikipedia" or an address."""
    return all(len(text.split()) == 1 and (len(text) <= _NOTE_CHARS or "://" in text) for text in texts)


def _texts(table: Table, column: str) -> list[str]:
    """The cells of a column that say something, as text; of split and marks every row counts, so all are read."""
    return [str(value).strip() for value in _all(table, column)]


def _all(table: Table, column: str) -> Iterable[object]:
    step = max(1, len(table.rows) // 2000)
    cells = (cell(row, column) for row in table.rows[::step])
    return (value for value in cells if value is not None and value != "")


def _first(table: Table, column: str) -> list[object]:
    return list(islice(_all(table, column), _LOOKED_AT))


def language_pair(table: Table, taken: set[str]) -> list[str] | None:
    """Two columns named after two languages, also inside one column called "translation"; of more, the first two."""
    found = languages_in(table, taken)
    return found[:2] if len(found) > 1 else None


def languages_in(table: Table, taken: Collection[str] = ()) -> list[str]:
    """The columns named after a language each, where all are texts and no language comes twice; else none."""
    named = [path for path in paths(table) if path not in taken and language_of(path) and has_words(table, path)]
    nested = [path for path in named if "." in path]
    found = nested if len(nested) > 1 else [path for path in named if "." not in path]
    found = [path for path in found if plain(path.rsplit(".", 1)[-1]) != "id"] if len(found) > 2 else found
    alike = len({language_of(path) for path in found}) < len(found)
    return [] if alike or any(shape(table, path) is not str for path in found) else found


def has_words(table: Table, path: str) -> bool:
    """Whether some cell has a letter, which numbers of rows under "id" have not, and not all say yes or no."""
    said = {str(value).strip().lower() for value in _first(table, path)}
    return any(any(map(str.isalpha, text)) for text in said) and not said <= TRUE | FALSE


def paths(table: Table) -> list[str]:
    """All columns, and the keys one level inside those that hold objects."""
    found = list(table.columns)
    for column in table.columns:
        first = next((row[column] for row in table.rows if row.get(column) is not None), None)
        if isinstance(first, dict):
            found += [f"{column}.{key}" for key in first]
    return found


def shape(table: Table, column: str) -> type:
    """str for cells that read as text, list or dict; what most of the first cells are that hold anything."""
    first = list(islice(_all(table, column), 10))
    for kind in (list, dict):
        if first and 2 * sum(isinstance(value, kind) for value in first) > len(first):
            return kind
    return str
