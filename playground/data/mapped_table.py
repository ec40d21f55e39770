"""A table as a format reads it: cells by the names of the format's columns, whatever the file calls its own."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from playground.data.chat import Unusable
from playground.data.table import Row, Table, cell

Found = TypeVar("Found")


class MappedTable:
    """`columns` names the file's column, or a path into one, for each of the format's that is filled."""

    def __init__(self, table: Table, columns: Mapping[str, str]) -> None:
        self.columns = columns
        self._table = table
        self._found: dict[Callable[[MappedTable], object], object] = {}

    def __iter__(self) -> "Iterator[MappedRow]":
        for number, row in zip(self._table.numbers, self._table.rows, strict=True):
            yield MappedRow(self, number, row)

    def once(self, look: "Callable[[MappedTable], Found]") -> Found:
        """What a look at the whole table finds, taken at the first row that asks for it."""
        if look not in self._found:
            self._found[look] = look(self)
        return self._found[look]  # type: ignore[return-value]

    def distinct(self, column: str) -> list[str]:
        """All texts that stand in a column, sorted."""
        found: set[str] = set()
        for row in self:
            try:
                found.add(row.need(column))
            except Unusable:
                continue
        return sorted(found)


@dataclass(frozen=True, slots=True)
class MappedRow:
    """One row of a mapped table; `number` is its place in the file from 1."""

    table: MappedTable
    number: int
    cells: Row

    def value(self, column: str) -> object:
        """What stands in the cell, as it was read; None for nothing."""
        path = self.table.columns.get(column)
        return cell(self.cells, path) if path else None

    def text(self, column: str) -> str:
        """The cell as text, "" for nothing; raises `Unusable` for a list or an object."""
        return self._as_text(column, self.value(column))

    def need(self, column: str) -> str:
        """The cell as text; raises `Unusable` for nothing, too."""
        return self._needed(column, self.value(column))

    def need_answer(self, column: str) -> str:
        """As `need`, of several people's answers the first."""
        return self._needed(column, _first_answer(self.value(column)))

    def _needed(self, column: str, value: object) -> str:
        text = self._as_text(column, value)
        if not text.strip():
            raise Unusable("The column '{column}' is empty.", column=self.table.columns[column])
        return text

    def _as_text(self, column: str, value: object) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (list, dict)):
            raise Unusable("The column '{column}' holds a list rather than text.", column=self.table.columns[column])
        return str(value)


def _first_answer(value: object) -> object:
    """As SQuAD gives them: a list, also one inside an object."""
    if isinstance(value, dict) and "text" in value:
        value = value["text"]
    if isinstance(value, list):
        return _first_answer(value[0]) if value else None
    return value
