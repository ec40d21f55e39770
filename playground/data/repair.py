"""What can be mended in a table, offered with an example and done only when asked for."""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace

from playground.data.table import Table, with_rows
from playground.errors import DataError

EMPTY_ROWS = "empty_rows"
DUPLICATES = "duplicates"
OUTER_SPACES = "outer_spaces"
KINDS = (EMPTY_ROWS, DUPLICATES, OUTER_SPACES)
_SHOWN_CHARS = 120


@dataclass(frozen=True, slots=True)
class Repair:
    """One kind of mending: the rows it touches (places in the file, from 1), and the first one before and after."""

    kind: str
    rows: tuple[int, ...]
    template: str
    fields: dict[str, object]
    before: str
    after: str

    @property
    def text(self) -> str:
        return self.template.format(**self.fields)


def find_repairs(table: Table) -> list[Repair]:
    """What `apply_repairs` would do to this table, in the order in which it would."""
    empty = [i for i, row in enumerate(table.rows) if _is_empty(row)]
    doubles = _doubles(table)
    spaced = [i for i, row in enumerate(table.rows) if row != _stripped(row)]
    return [
        repair
        for repair in (
            _offer(table, EMPTY_ROWS, empty, "Empty rows: {count} (first row {row}). Leave them out?"),
            _offer(
                table,
                DUPLICATES,
                doubles,
                "Rows that repeat an earlier one: {count} (first row {row}). Keep only one of each?",
            ),
            _offer(
                table, OUTER_SPACES, spaced, "Rows with spaces around a text: {count} (first row {row}). Trim them?"
            ),
        )
        if repair
    ]


def apply_repairs(table: Table, kinds: Collection[str]) -> Table:
    """A mended copy of the table; raises `DataError` for an unknown kind."""
    for kind in kinds:
        if kind not in KINDS:
            raise DataError("The repair '{kind}' is not known. Use: {known}.", kind=kind, known=", ".join(KINDS))
    if EMPTY_ROWS in kinds:
        table = with_rows(table, [i for i, row in enumerate(table.rows) if not _is_empty(row)])
    if OUTER_SPACES in kinds:
        table = replace(table, rows=[_stripped(row) for row in table.rows])
    if DUPLICATES in kinds:
        doubles = set(_doubles(table))
        table = with_rows(table, [i for i in range(len(table.rows)) if i not in doubles])
    return table


def _offer(table: Table, kind: str, found: list[int], template: str) -> Repair | None:
    if not found:
        return None
    numbers = tuple(table.numbers[i] for i in found)
    first = table.rows[found[0]]
    after = _shown(_stripped(first)) if kind == OUTER_SPACES else ""
    return Repair(kind, numbers, template, {"count": len(numbers), "row": numbers[0]}, _shown(first), after)


def _doubles(table: Table) -> list[int]:
    seen: set[str] = set()
    found = []
    for index, row in enumerate(table.rows):
        key = json.dumps(_stripped(row), sort_keys=True)
        if key in seen and not _is_empty(row):
            found.append(index)
        seen.add(key)
    return found


def _is_empty(row: dict[str, object]) -> bool:
    return all(value is None or value == [] or (isinstance(value, str) and not value.strip()) for value in row.values())


def _stripped(row: dict[str, object]) -> dict[str, object]:
    return {name: value.strip() if isinstance(value, str) else value for name, value in row.items()}


def _shown(row: dict[str, object]) -> str:
    text = json.dumps(row, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"
