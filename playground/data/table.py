"""What a dataset file became: rows of cells, and what was noticed while reading it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from playground.data.excerpts import excerpt
from playground.errors import DataError
from playground.sentence import N_, Sentence

MAX_FILE_BYTES = 50 * 1024**2
MAX_ROWS = 200_000
MAX_COLUMNS = 256
MAX_FIELD_CHARS = 1_000_000
MAX_TOTAL_CHARS = 200_000_000
MAX_DEPTH = 12
MAX_VALUES = 5_000_000
"""Cells, and what lists in cells hold: each takes memory however short it is."""
SHOWN = 3
"""How many places of one kind are kept to be shown."""
NAMES_TRIMMED = N_("Spaces around the names of columns were left out.")
_MAX_BITS = 1024
Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Change:
    """One place before and after, cut short to be shown. `row` counts data rows from 1; 0 is the file as a whole.

    Without `after` the row is left out, as a repetition of the row `twin` where that is not 0.
    """

    row: int
    before: tuple[str, ...]
    after: tuple[str, ...] = ()
    twin: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """Something worth knowing that did not stop the reading, with a place to see it where something was changed."""

    sentence: Sentence
    row: int | None = None
    changes: tuple[Change, ...] = ()
    rows: tuple[int, ...] = ()
    """All rows that it is about, where they are known; `row` is the first."""

    @property
    def places(self) -> tuple[int, ...]:
        """The rows that can be looked at for it."""
        return self.rows or ((self.row,) if self.row is not None else ())

    @property
    def text(self) -> str:
        """In English."""
        return str(self.sentence)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows as they stand in the file: texts stay texts ("007", "NA"); JSON keeps its lists and numbers.

    `numbers[i]` is the place of `rows[i]` in the file, counted from 1 without the header. A row lacks the columns
    that the file does not give it.
    """

    rows: list[dict[str, object]]
    columns: list[str]
    kind: str
    problems: list[Problem] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)


def build_table(rows: Iterable[tuple[int, dict[str, object]]], kind: str, problems: list[Problem]) -> Table:
    """Check and clean each numbered row as it comes; raises `DataError` at the first that passes a limit."""
    keeper = _Keeper()
    kept: list[dict[str, object]] = []
    numbers: list[int] = []
    columns: dict[str, None] = {}
    for number, row in rows:
        if len(kept) >= MAX_ROWS:
            raise DataError("The file has more than {limit} rows. Split it and use a part.", limit=f"{MAX_ROWS:,}")
        kept.append(keeper.row(row, number))
        numbers.append(number)
        columns.update(dict.fromkeys(kept[-1]))
        if len(columns) > MAX_COLUMNS:
            raise DataError(
                "Row {row} brings the file to more than {limit} columns. Keep only the columns to learn from.",
                row=number,
                limit=MAX_COLUMNS,
            )
    if not kept:
        raise DataError("The file has no rows. Add at least two examples and try again.")
    return Table(kept, list(columns), kind, [*problems, *keeper.problems()], numbers)


def cell(row: Row, column: str) -> object:
    """The value of a column or of a path into one ("answers.text"); None where the row has none."""
    if column in row or "." not in column:
        return row.get(column)
    outer, inner = column.split(".", 1)
    value = row.get(outer)
    return cell(value, inner) if isinstance(value, dict) else None


class _Keeper:
    """Cleans cells of what would break a page or a tokenizer, and remembers where that happened."""

    def __init__(self) -> None:
        self._chars = 0
        self._values = 0
        self._names: set[str] = set()
        self._renamed: list[Change] = []
        self._broken: list[int] = []
        self._not_numbers: list[int] = []

    def row(self, row: dict[str, object], number: int) -> dict[str, object]:
        return {self._name(name, number): self._value(value, number, name, 1) for name, value in row.items()}

    def problems(self) -> list[Problem]:
        found = []
        if self._renamed:
            found.append(Problem(Sentence(NAMES_TRIMMED), changes=tuple(self._renamed)))
        if self._broken:
            found.append(
                Problem(
                    Sentence(
                        "Some characters cannot be read and were replaced by \ufffd (first in row {row}).",
                        row=self._broken[0],
                    ),
                    self._broken[0],
                    rows=tuple(dict.fromkeys(self._broken)),
                )
            )
        if self._not_numbers:
            found.append(
                Problem(
                    Sentence(
                        "NaN or Infinity is not a value to learn from and counts as empty (first in row {row}).",
                        row=self._not_numbers[0],
                    ),
                    self._not_numbers[0],
                    rows=tuple(dict.fromkeys(self._not_numbers)),
                )
            )
        return found

    def _name(self, name: object, number: int) -> str:
        if isinstance(name, str) and name in self._names:
            return name
        written = _written(name, number)
        trimmed = " ".join(written.split())
        if trimmed != name and len(self._renamed) < SHOWN:
            self._renamed.append(Change(number, (excerpt(written),), (excerpt(trimmed),)))
        clean = self._text(trimmed, number, "column names")
        if clean == name:
            self._names.add(clean)
        return clean

    def _value(self, value: object, number: int, column: str, depth: int) -> object:
        self._values += 1
        if self._values > MAX_VALUES:
            raise DataError(
                "By row {row} the file holds more than {limit} values. Use a smaller part of it.",
                row=number,
                limit=f"{MAX_VALUES:,}",
            )
        if isinstance(value, str):
            return self._text(value, number, column)
        if isinstance(value, float) and not math.isfinite(value):
            self._not_numbers.append(number)
            return None
        if value is None or isinstance(value, float):
            return value
        if isinstance(value, int):
            return self._whole(value, number, column)
        if depth > MAX_DEPTH:
            raise DataError(
                "Row {row}, column '{column}' nests lists more than {limit} deep. Flatten it.",
                row=number,
                column=column,
                limit=MAX_DEPTH,
            )
        if isinstance(value, (list, tuple)):
            return [self._value(item, number, column, depth + 1) for item in value]
        if isinstance(value, dict):
            return {
                self._text(_written(key, number), number, column): self._value(item, number, column, depth + 1)
                for key, item in value.items()
            }
        raise DataError(
            "Row {row}, column '{column}' holds {what}, which is not text. Leave that column out.",
            row=number,
            column=column,
            what=type(value).__name__,
        )

    def _whole(self, value: int, number: int, column: str) -> int:
        if value.bit_length() > _MAX_BITS:
            raise DataError(
                "Row {row}, column '{column}' holds a number that is too long. Put it in quotes.",
                row=number,
                column=column,
            )
        return value

    def _text(self, text: str, number: int, column: str) -> str:
        if len(text) > MAX_FIELD_CHARS:
            raise DataError(
                "Row {row}, column '{column}' holds more than {limit} characters. Split it into several rows.",
                row=number,
                column=column[:60],
                limit=f"{MAX_FIELD_CHARS:,}",
            )
        self._chars += len(text)
        if self._chars > MAX_TOTAL_CHARS:
            raise DataError("The file unfolds to too much text by row {row}. Use a smaller part of it.", row=number)
        if text.isascii() and "\0" not in text:
            return text
        clean = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "\ufffd")
        if clean != text and "\ufffd" in clean:
            self._broken.append(number)
        return clean


def _written(name: object, number: int) -> str:
    """A key as text: in Python's own notation it may be a number, and one that no text can hold."""
    try:
        return str(name)
    except ValueError as error:
        raise DataError(
            "Row {row} names a column by a number that is too long. Put it in quotes.", row=number
        ) from error
