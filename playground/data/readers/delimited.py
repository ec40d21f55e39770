"""CSV and TSV, strictly: no cell is turned into a number or a gap, no row is shifted without a word."""

import csv
import io
import re
from collections.abc import Iterator
from itertools import chain, islice

from playground.data.excerpts import excerpt
from playground.data.readers.header import (
    LOOKED_AT,
    bounded,
    column_names,
    header_place,
    is_example,
    lines_above,
    nameless,
)
from playground.data.readers.json_repair import CUT_OFF
from playground.data.table import MAX_COLUMNS, MAX_FIELD_CHARS, SHOWN, Change, Problem, Row, Table, build_table
from playground.errors import DataError
from playground.sentence import N_, Sentence

_SEPARATORS = (",", ";", "\t", "|")
_NONE = "\x1f"
"""A character that no text has: the separator of files with one column."""
_SIGNS = {",": "','", ";": "';'", "\t": "\\t", "|": "'|'"}
_UNCLOSED = "unexpected end"
_ESCAPED = re.compile(r'(?<!\\)\\"')
_LOOKED_AT_FOR_HEADER = 200
_TOLD = 5
_CELLS = 4


def read_delimited(text: str, kind: str, problems: list[Problem]) -> Table:
    """Rows under the header, which may have a title above it or be missing; raises `DataError` for quotes that do not
    close."""
    above = _above(text)
    body = text.split("\n", above)[above]
    notes = lines_above([[line] for line in text.split("\n", above)[:above]])
    try:
        return _table(body, kind, [*problems, *notes], above)
    except DataError:
        doubled = _ESCAPED.sub('""', body)
        if doubled == body:
            raise
        try:
            return _table(doubled, kind, [*problems, *notes, _escaped(body)], above)
        except DataError:
            pass  # the sentence about the file as it is says more
        raise


def _above(text: str) -> int:
    """How many lines stand above the one that names the columns."""
    lines = text.split("\n", LOOKED_AT)[:LOOKED_AT]
    return max(header_place([_plain_cells(line, sign) for line in lines]) for sign in _SEPARATORS)


def _plain_cells(line: str, separator: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(separator, MAX_COLUMNS)]


def _escaped(text: str) -> Problem:
    line = next(line for line in text.split("\n") if _ESCAPED.search(line))
    change = Change(0, (excerpt(line),), (excerpt(line.replace('\\"', '""')),))
    sentence = Sentence("Quotes within cells have a backslash before them. They were read as such.")
    return Problem(sentence, changes=(change,))


def _table(text: str, kind: str, problems: list[Problem], above: int) -> Table:
    """`above` are the lines that stand above this text in the file."""
    separator = _separator(text, kind)
    cut: list[int] = []
    records = _records(text, separator, cut=cut, above=above)
    header = next(records, None)
    if header is None:
        raise DataError("The file is empty. Upload a file with a header line and rows.")
    first = bounded(header[1])
    sample = list(islice(records, _LOOKED_AT_FOR_HEADER))
    if is_example(first, (cells for _, cells in sample)):
        sample = [header, *sample]
        names, notes = nameless(first)
    else:
        names, notes = column_names(first)
    ragged = _Ragged(len(names))
    rows = ragged.rows(names, chain(sample, records))
    table = build_table(rows, kind, [*problems, *_other_separator(text, kind, separator, names), *notes])
    table.problems.extend(ragged.problems)
    if cut:
        table.problems.append(Problem(Sentence(CUT_OFF), changes=(Change(0, (excerpt(_last_line(text)),)),)))
    return table


def _other_separator(text: str, kind: str, separator: str, names: list[str]) -> list[Problem]:
    usual = "\t" if kind == "tsv" else ","
    if separator in (usual, _NONE):
        return []
    sentence = Sentence(
        "The cells are separated by {separator} rather than {usual}. The file was read like that.",
        separator=_SIGNS[separator],
        usual=_SIGNS[usual],
    )
    change = Change(0, (excerpt(text.lstrip("\n").split("\n", 1)[0]),), tuple(map(excerpt, names[:4])))
    return [Problem(sentence, changes=(change,))]


def _last_line(text: str) -> str:
    return text.rstrip("\n").rsplit("\n", 1)[-1]


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


def _records(
    text: str, separator: str, lenient: bool = False, cut: list[int] | None = None, above: int = 0
) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of each record that is not a blank line; `lenient` for samples that may be cut anywhere.

    `cut` takes the last line of the file if that ends inside quotes; the record is left out.
    """
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
            if cut is not None and _UNCLOSED in str(error) and line > 1 and line == text.rstrip("\n").count("\n") + 1:
                cut.append(line)
                return
            raise DataError(
                "The record that starts in line {line} cannot be read: {reason}. Quotes inside a quoted cell must be "
                "doubled, and every quote closed.",
                line=above + line,
                reason=_reason(error),
            ) from error
        if cells:
            yield above + line, cells
        line = reader.line_num + 1


def _reason(error: csv.Error) -> Sentence:
    said = str(error)
    if _UNCLOSED in said:
        return Sentence("a quote opens there and never closes")
    if "field larger" in said:
        return Sentence("a cell is too long, or a quote never closes")
    return Sentence("a quote stands where none may be")


class _Ragged:
    """Rows with more or fewer cells than the header: mended where nothing can shift, left out otherwise."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._left_out = 0
        self._short = 0
        self._first: tuple[int, int] = (0, 0)
        self.problems: list[Problem] = []

    def rows(self, names: list[str], records: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, Row]]:
        """The numbered rows; raises `DataError` at their end when most do not fit the header."""
        kept = 0
        for number, (line, cells) in enumerate(records, 1):
            if self._usable(cells, number, line):
                kept += 1
                yield number, dict(zip(names, self._fit(cells, number, line), strict=True))
        self._check(kept)

    def _usable(self, cells: list[str], number: int, line: int) -> bool:
        if any(cell.strip() for cell in cells[self._width :]):
            self._left_out += 1
            self._first = self._first if self._left_out > 1 else (number, line)
            self._note(
                N_(
                    "Row {row} (line {line}) has {count} cells, but there are {width} columns; it is left out. "
                    "Put texts that contain the separator in quotes."
                ),
                cells,
                number,
                line,
                self._left_out,
            )
            return False
        return True

    def _fit(self, cells: list[str], number: int, line: int) -> list[object]:
        if len(cells) < self._width:
            self._short += 1
            self._note(
                N_("Row {row} (line {line}) has only {count} of {width} cells; the others count as empty."),
                cells,
                number,
                line,
                self._short,
            )
        padded: list[object] = [*cells, *[""] * self._width]
        return padded[: self._width]

    def _check(self, kept: int) -> None:
        if self._left_out > kept:
            raise DataError(
                "Most rows have more cells than there are columns ({width}), first row {row} (line {line}). Put texts "
                "that contain the separator in quotes, or check the header.",
                width=self._width,
                row=self._first[0],
                line=self._first[1],
            )

    def _note(self, msgid: str, cells: list[str], number: int, line: int, so_far: int) -> None:
        if so_far <= _TOLD:
            sentence = Sentence(msgid, row=number, line=line, count=len(cells), width=self._width)
            changes = (self._change(cells, number),) if so_far <= SHOWN else ()
            self.problems.append(Problem(sentence, number, changes))
        elif so_far == _TOLD + 1:
            self.problems.append(Problem(Sentence("More rows like row {row} follow.", row=number), number))

    def _change(self, cells: list[str], number: int) -> Change:
        before = tuple(map(excerpt, cells[:_CELLS]))
        after = [*before, *[""] * (self._width - len(cells))] if len(cells) < self._width else ()
        return Change(number, before, tuple(after))
