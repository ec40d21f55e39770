"""What can be mended in a table, offered with the rows before and after, and done only when asked for.

Each kind looks at the table as it was read and then mends row by row, so that what is done is what was offered,
whichever kinds are chosen together.
"""

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from operator import is_

from playground.data.chat import join_turns
from playground.data.column_mapping import ColumnMapping
from playground.data.excerpts import cells
from playground.data.table import SHOWN, Change, Row, Table, cell
from playground.errors import DataError
from playground.sentence import N_, Sentence

EMPTY_ROWS = "empty_rows"
NEARLY_EMPTY = "nearly_empty"
LINE_ENDS = "line_ends"
OUTER_SPACES = "outer_spaces"
TURNS = "turns"
LABELS = "labels"
DUPLICATES = "duplicates"
_SENTENCES = {
    EMPTY_ROWS: N_("Leave out empty rows: {count} ({listed})"),
    NEARLY_EMPTY: N_("Leave out rows without a letter or a number: {count} ({listed})"),
    LINE_ENDS: N_("Write stray line ends (\\r) as plain ones in rows: {count} ({listed})"),
    OUTER_SPACES: N_("Trim stray spaces in rows: {count} ({listed})"),
    TURNS: N_("Mend chats with a missing turn: {count} ({listed})"),
    LABELS: N_("Write labels that differ only in case the same way in rows: {count} ({listed})"),
    DUPLICATES: N_("Leave out repeated rows: {count} ({listed})"),
}
KINDS = tuple(_SENTENCES)
"""In the order in which they are done."""

_LISTED = 3
_BLANKS = "\u200b\u2060\ufeff"
_LINE_END = re.compile(r"_x000[dD]_\n?|\r\n?")
_INDENT = re.compile(r"(?:[^\S\n]*+\n)*+( {4,}+|\t++|\u3000{2,}+| {2,}+(?=.*\n\s*\S))(?=[^\s\u200b\u2060\ufeff])")
_Mend = Callable[[int, Row], Row | int | None]
"""From the index of a row and the row, the row as mended: the same one where nothing is wrong; to leave it out, None or
the index of the row that it repeats."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One kind of mending: the rows it touches (places in the file, from 1), and the first ones before and after."""

    kind: str
    rows: tuple[int, ...]
    sentence: Sentence
    changes: tuple[Change, ...]

    @property
    def text(self) -> str:
        """In English."""
        return str(self.sentence)


def find_repairs(table: Table, mapping: ColumnMapping) -> list[Repair]:
    """Every kind that would change something, in the order in which they are done."""
    return [repair for kind in KINDS if (repair := _find(kind, table, mapping))]


def apply_repairs(table: Table, mapping: ColumnMapping, kinds: Collection[str]) -> Table:
    """A mended copy of the table; raises `DataError` for an unknown kind."""
    for kind in kinds:
        if kind not in KINDS:
            raise DataError("The repair '{kind}' is not known. Use: {known}.", kind=kind[:40], known=", ".join(KINDS))
    mends = [_PLANS[kind](table, mapping) for kind in KINDS if kind in kinds]
    rows: list[Row] = []
    numbers: list[int] = []
    for index, row in enumerate(table.rows):
        mended: Row | int | None = row
        for mend in mends:
            if isinstance(mended, dict):
                mended = mend(index, mended)
        if isinstance(mended, dict):
            rows.append(mended)
            numbers.append(table.numbers[index])
    return replace(table, rows=rows, numbers=numbers)


def _find(kind: str, table: Table, mapping: ColumnMapping) -> Repair | None:
    mend = _PLANS[kind](table, mapping)
    found: list[int] = []
    changes: list[Change] = []
    for index, row in enumerate(table.rows):
        mended = mend(index, row)
        if mended is row or mended == row:
            continue
        found.append(table.numbers[index])
        if len(changes) < SHOWN:
            changes.append(_change(table, index, mended))
    if not found:
        return None
    listed = ", ".join(str(number) for number in found[:_LISTED]) + (", …" if len(found) > _LISTED else "")
    sentence = Sentence(_SENTENCES[kind], count=len(found), listed=listed)
    return Repair(kind, tuple(found), sentence, tuple(changes))


def _change(table: Table, index: int, mended: Row | int | None) -> Change:
    number, row = table.numbers[index], table.rows[index]
    if not isinstance(mended, dict):
        return Change(number, cells(row), twin=0 if mended is None else table.numbers[mended])
    touched = [name for name in row if row[name] != mended[name]]
    return Change(number, cells(row, touched), cells(mended, touched))


def _leave_out_empty(table: Table, mapping: ColumnMapping) -> _Mend:
    return lambda _, row: None if _is_empty(row) else row


def _leave_out_nearly_empty(table: Table, mapping: ColumnMapping) -> _Mend:
    """Only rows in which no column that is learnt from holds more than points and dashes."""

    def mend(_: int, row: Row) -> Row | None:
        train_cells = [cell(row, column) for column in mapping.columns.values()]
        return None if all(map(_says_nothing, train_cells)) and not all(map(_is_blank, train_cells)) else row

    return mend


def _mend_line_ends(table: Table, mapping: ColumnMapping) -> _Mend:
    """Excel writes a carriage return inside a cell as _x000D_."""
    return lambda _, row: _each_text(row, lambda text: _LINE_END.sub("\n", text))


def _trim(table: Table, mapping: ColumnMapping) -> _Mend:
    return lambda _, row: _each_text(row, _tidied)


def _mend_turns(table: Table, mapping: ColumnMapping) -> _Mend:
    column = mapping.columns.get("messages", "")
    if not column:
        return lambda _, row: row
    return lambda _, row: {**row, column: join_turns(row[column])} if column in row else row


def _even_labels(table: Table, mapping: ColumnMapping) -> _Mend:
    """The spelling that most rows have wins, the first one among equals."""
    column = next((mapping.columns.get(part.name, "") for part in mapping.format.columns if part.holds == "label"), "")
    labels = [row[column] for row in table.rows if isinstance(row.get(column), str)] if column else []
    spellings: dict[str, Counter[str]] = {}
    for label in map(str, labels):
        spellings.setdefault(_folded(label), Counter())[_trimmed(label)] += 1
    chosen = {folded: counts.most_common(1)[0][0] for folded, counts in spellings.items() if len(counts) > 1}

    def mend(_: int, row: Row) -> Row:
        label = row.get(column)
        better = chosen.get(_folded(label)) if isinstance(label, str) else None
        return {**row, column: better} if better is not None and better != _trimmed(str(label)) else row

    return mend


def _leave_out_doubles(table: Table, mapping: ColumnMapping) -> _Mend:
    return _twins(table, mapping).get


_PLANS: dict[str, Callable[[Table, ColumnMapping], _Mend]] = {
    EMPTY_ROWS: _leave_out_empty,
    NEARLY_EMPTY: _leave_out_nearly_empty,
    LINE_ENDS: _mend_line_ends,
    OUTER_SPACES: _trim,
    TURNS: _mend_turns,
    LABELS: _even_labels,
    DUPLICATES: _leave_out_doubles,
}


def _twins(table: Table, mapping: ColumnMapping) -> dict[int, int]:
    """The index of each row that teaches the same as an earlier one, and of that one; rows that teach nothing aside."""
    columns = tuple(mapping.columns.values())
    first: dict[bytes, int] = {}
    found: dict[int, int] = {}
    for index, row in enumerate(table.rows):
        train_cells = [cell(row, column) for column in columns]
        if all(map(_is_blank, train_cells)):
            continue
        key = hashlib.sha256("\0".join(map(_as_key, train_cells)).encode("utf-8", "surrogatepass")).digest()
        if first.setdefault(key, index) != index:
            found[index] = first[key]
    return found


def _as_key(value: object) -> str:
    return "." + _trimmed(value) if isinstance(value, str) else json.dumps(_in(value, _trimmed), sort_keys=True)


def _is_empty(row: Row) -> bool:
    return all(map(_is_blank, row.values()))


def _is_blank(value: object) -> bool:
    return value is None or value == [] or (isinstance(value, str) and not _trimmed(value))


def _says_nothing(value: object) -> bool:
    """No letter, number or sign such as + or 😀 in a text of any script; whatever is no text says something."""
    if value is None:
        return True
    return isinstance(value, str) and all(unicodedata.category(char)[0] in "PZCM" for char in value)


def _each_text(row: Row, change: Callable[[str], str]) -> Row:
    """The same row where nothing changes, which most rows are."""
    changed: Row = {}
    for name, value in row.items():
        done = change(value) if isinstance(value, str) else _in(value, change)
        if done is not value:
            changed[name] = done
    return {**row, **changed} if changed else row


def _in(value: object, change: Callable[[str], str]) -> object:
    """The same object where nothing in it changes."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        items = [_in(item, change) for item in value]
        return value if all(map(is_, items, value)) else items
    if isinstance(value, dict):
        values = [_in(item, change) for item in value.values()]
        return value if all(map(is_, values, value.values())) else dict(zip(value, values, strict=True))
    return value


def _tidied(text: str) -> str:
    """Without stray spaces around it. An indent may be meant: wide, or before the first of several lines."""
    indent = _INDENT.match(text) if text[:1].isspace() else None
    return (indent[1] if indent else "") + _trimmed(text)


def _trimmed(text: str) -> str:
    return text.strip().strip(_BLANKS).strip()


def _folded(label: str) -> str:
    return _trimmed(label).casefold()
