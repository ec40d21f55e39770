"""A table as a format reads it: cells by the names of the format's columns, whatever the file calls its own."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from playground.data.chat import Unusable, is_message, said_by_assistant
from playground.data.content import as_json, text_of_parts
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

    def holds_lists(self, column: str) -> bool:
        """Whether some row has several things in a column."""
        return self.once(_lists).get(column, False)


def _lists(table: "MappedTable") -> dict[str, bool]:
    found = dict.fromkeys(table.columns, False)
    for row in table:
        for column in found:
            value = row.value(column)
            found[column] |= isinstance(value, list) and len(value) > 1
    return found


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
        """The cell as text, "" for nothing; an object or a list as JSON."""
        return _as_text(self.value(column))

    def need(self, column: str) -> str:
        """The cell as text; raises `Unusable` for nothing, too."""
        return self._needed(column, self.value(column))

    def need_span(self, column: str) -> str:
        """As `need`, of several people's answers the first."""
        return self._needed(column, _first_answer(self.value(column)))

    def need_answer(self, column: str) -> str:
        """As `need`: what messages and parts of a content mean, SQuAD's first answer, and other lists and objects as
        the JSON that they are."""
        value = self.value(column)
        if not isinstance(value, (list, dict)):
            return self._needed(column, value)
        if isinstance(value, dict) and _is_spelt(value):
            return self._needed(column, value["value"])
        items = value if isinstance(value, list) else [value]
        if items and all(map(is_message, items)):
            return self._needed(column, said_by_assistant(items))
        several = "." in self.table.columns[column] or any(_is_span(item) for item in items)
        if several or (len(items) == 1 and isinstance(items[0], str) and not self.table.holds_lists(column)):
            return self._needed(column, _first_answer(value))
        parts = text_of_parts(value)
        return self._needed(column, as_json(value) if parts is None and value else parts)

    def missing(self, column: str) -> NoReturn:
        """Raise `Unusable`, as for a cell that holds nothing."""
        raise Unusable("The column '{column}' is empty.", column=self.table.columns[column])

    def _needed(self, column: str, value: object) -> str:
        text = _as_text(value)
        return text if text.strip() else self.missing(column)


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return "\n".join(value)
    return as_json(value) if isinstance(value, (list, dict)) else str(value)


def _is_span(item: object) -> bool:
    """SQuAD's way of keeping answers: with the places where they stand."""
    return isinstance(item, dict) and "answer_start" in item


def _is_spelt(value: dict[str, object]) -> bool:
    """TriviaQA's way of keeping an answer: with other spellings of it."""
    return isinstance(value.get("value"), str) and "aliases" in value


def _first_answer(value: object) -> object:
    """As SQuAD gives them: a list, also one inside an object; of one with other spellings, its own."""
    if isinstance(value, dict) and _is_spelt(value):
        return value["value"]
    if isinstance(value, dict) and "text" in value:
        value = value["text"]
    if isinstance(value, list):
        return _first_answer(value[0]) if value else None
    return value
