"""CSV and TSV, strictly: no cell is turned into a number or a gap, no row is shifted without a word."""

import csv
import io
from collections.abc import Iterator
from itertools import islice

from playground.data.table import MAX_COLUMNS, MAX_FIELD_CHARS, Problem, Table, build_table
from playground.errors import DataError

_SEPARATORS = (",", ";", "\t", "|")
_NONE = "\x1f"
"""A character that no text has: the separator of files with one column."""
_SHOWN = 5


def read_delimited(text: str, kind: str, problems: list[Problem]) -> Table:
    """Rows under the header in the first line; raises `DataError` for quotes that do not close."""
    separator = _separator(text, kind)
    records = _records(text, separator)
    header = next(records, None)
    if header is None:
        raise DataError("The file is empty. Upload a file with a header line and rows.")
    names, notes = _names(header[1])
    ragged = _Ragged(len(names))
    rows = (
        (number, dict(zip(names, ragged.fit(cells, number, line), strict=True)))
        for number, (line, cells) in enumerate(records, 1)
        if ragged.usable(cells, number, line)
    )
    table = build_table(rows, kind, [*problems, *notes])
    ragged.check(len(table.rows))
    table.problems.extend(ragged.problems)
    return table


def _separator(text: str, kind: str) -> str:
    """The one under which most of the first records have as many cells as the header."""
    if kind == "tsv" and "\t" in text.split("\n", 1)[0]:
        return "\t"
    best, best_score = _NONE, (0.0, 0)
    for candidate in _SEPARATORS:
        sample = [cells for _, cells in islice(_records(text[:200_000], candidate, lenient=True), 50)]
        if sample and len(sample[0]) > 1:
            score = (sum(len(cells) == len(sample[0]) for cells in sample) / len(sample), len(sample[0]))
            if score > best_score:
                best, best_score = candidate, score
    return best


def _records(text: str, separator: str, lenient: bool = False) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of each record that is not a blank line; `lenient` for samples that may be cut anywhere."""
    csv.field_size_limit(MAX_FIELD_CHARS + 1)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=not lenient)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if lenient:
                return
            raise DataError(
                "The record that starts in line {line} cannot be read: {reason}. Quotes inside a quoted cell must be "
                "doubled, and every quote closed.",
                line=line,
                reason=_reason(error),
            ) from error
        if cells:
            yield line, cells
        line = reader.line_num + 1


def _reason(error: csv.Error) -> str:
    said = str(error)
    if "unexpected end" in said:
        return "a quote opens there and never closes"
    if "field larger" in said:
        return "a cell is too long, or a quote never closes"
    return "a quote stands where none may be"


def _names(header: list[str]) -> tuple[list[str], list[Problem]]:
    """Column names: stripped, never empty, never twice."""
    if len(header) > MAX_COLUMNS:
        raise DataError("The header names more than {limit} columns. Keep those to learn from.", limit=MAX_COLUMNS)
    names: list[str] = []
    problems: list[Problem] = []
    for place, cell in enumerate(header, 1):
        name = wanted = " ".join(cell.split()) or f"column {place}"
        copy = 2
        while name in names:
            name, copy = f"{wanted} ({copy})", copy + 1
        if name != wanted:
            problems.append(
                Problem(
                    "Two columns are called '{name}'; the later is shown as '{new}'.", {"name": wanted, "new": name}
                )
            )
        names.append(name)
    return names, problems


class _Ragged:
    """Rows with more or fewer cells than the header: mended where nothing can shift, left out otherwise."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._left_out = 0
        self._short = 0
        self._first: tuple[int, int] = (0, 0)
        self.problems: list[Problem] = []

    def usable(self, cells: list[str], number: int, line: int) -> bool:
        if any(cell.strip() for cell in cells[self._width :]):
            self._left_out += 1
            self._first = self._first if self._left_out > 1 else (number, line)
            self._note(
                "Row {row} (line {line}) has {count} cells, but there are {width} columns; it is left out. "
                "Put texts that contain the separator in quotes.",
                cells,
                number,
                line,
                self._left_out,
            )
            return False
        return True

    def fit(self, cells: list[str], number: int, line: int) -> list[object]:
        if len(cells) < self._width:
            self._short += 1
            self._note(
                "Row {row} (line {line}) has only {count} of {width} cells; the others count as empty.",
                cells,
                number,
                line,
                self._short,
            )
        padded: list[object] = [*cells, *[""] * self._width]
        return padded[: self._width]

    def check(self, kept: int) -> None:
        if self._left_out > kept:
            raise DataError(
                "Most rows have more cells than there are columns ({width}), first row {row} (line {line}). Put texts "
                "that contain the separator in quotes, or check the header.",
                width=self._width,
                row=self._first[0],
                line=self._first[1],
            )

    def _note(self, template: str, cells: list[str], number: int, line: int, so_far: int) -> None:
        if so_far <= _SHOWN:
            fields: dict[str, object] = {"row": number, "line": line, "count": len(cells), "width": self._width}
            self.problems.append(Problem(template, fields, number))
        elif so_far == _SHOWN + 1:
            self.problems.append(Problem("More rows like row {row} follow.", {"row": number}, number))
