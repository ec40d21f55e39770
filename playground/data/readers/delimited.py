"""CSV and TSV, strictly: no cell is turned into a number or a gap, no row is shifted without a word."""

import csv
import io
import re
from collections.abc import Iterator
from itertools import chain, islice, pairwise

from playground.data.column_names import is_known
from playground.data.excerpts import excerpt
from playground.data.readers.header import (
    LOOKED_AT,
    below_titles,
    bounded,
    column_names,
    header_place,
    is_example,
    lines_above,
    nameless,
)
from playground.data.readers.json_repair import CUT_OFF
from playground.data.readers.ragged import Ragged
from playground.data.table import MAX_COLUMNS, MAX_FIELD_CHARS, Change, Problem, Table, build_table
from playground.errors import DataError
from playground.sentence import N_, Sentence

_SEPARATORS = (",", ";", "\t", "|")
_NONE = "\x1f"
"""A character that no text has: the separator of files with one column."""
_SIGNS = {",": "','", ";": "';'", "\t": "\\t", "|": "'|'"}
PLAIN_QUOTES = N_("Quotes do not close within cells. They were read as signs like any other.")
_UNCLOSED = "unexpected end"
_ESCAPED = re.compile(r'(?<!\\)\\"')
_LOOKED_AT_FOR_HEADER = 200
_STATED = re.compile(r'\A"?sep=(.)"?\n', re.IGNORECASE)


def read_delimited(text: str, kind: str, problems: list[Problem]) -> Table:
    """Rows under the header, which may have a title above it or be missing; raises `DataError` for quotes that do not
    close."""
    stated = _STATED.match(text)
    if stated and stated[1] in _SEPARATORS:  # Excel's own way of saying it
        text = text[stated.end() :]
    above = _above(text)
    body = text.split("\n", above)[above]
    notes = lines_above([[line] for line in text.split("\n", above)[:above]])
    try:
        return _table(body, kind, [*problems, *notes], above)
    except DataError:
        doubled = _ESCAPED.sub('""', body)
        if doubled == body:
            if "\t" in body.split("\n", 1)[0]:
                return _table(body, kind, [*problems, *notes, Problem(Sentence(PLAIN_QUOTES))], above, quotes=False)
            raise
        try:
            return _table(doubled, kind, [*problems, *notes, _escaped(body)], above)
        except DataError:
            pass  # the sentence about the file as it is says more
        raise


def _above(text: str) -> int:
    """How many lines stand above the one that names the columns."""
    lines = text.split("\n", LOOKED_AT)[:LOOKED_AT]
    by_sign = [[_plain_cells(line, sign) for line in lines] for sign in _SEPARATORS]
    known = max(map(header_place, by_sign))
    is_title = not any(sign in lines[0] for sign in _SEPARATORS)
    return known or (max(map(below_titles, by_sign)) if is_title else 0)


def _plain_cells(line: str, separator: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(separator, MAX_COLUMNS)]


def _escaped(text: str) -> Problem:
    line = next(line for line in text.split("\n") if _ESCAPED.search(line))
    change = Change(0, (excerpt(line),), (excerpt(line.replace('\\"', '""')),))
    sentence = Sentence("Quotes within cells have a backslash before them. They were read as such.")
    return Problem(sentence, changes=(change,))


def _table(text: str, kind: str, problems: list[Problem], above: int, quotes: bool = True) -> Table:
    """`above` are the lines that stand above this text in the file; without `quotes` they are signs like any other."""
    separator = _separator(text, kind)
    cut: list[int] = []
    records = (_signs_alike(text) if quotes else _lines(text)) if separator == "\t" else None
    records = _records(text, separator, cut=cut, above=above) if records is None else records
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
    ragged = Ragged(first, len(names), separator)
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
    """The one under which most of the first records have as many cells as the header, of several the one that gives
    names that are known, and then the one that stands less within numbers and sentences."""
    if kind == "tsv" and "\t" in text.split("\n", 1)[0]:
        return "\t"
    best, best_score = _NONE, (0.0, 0, 0.0, 0)
    for candidate in _SEPARATORS:
        sample = [cells for _, cells in islice(_records(text[:200_000], candidate, lenient=True), 50)]
        if sample and len(sample[0]) > 1:
            fitting = sum(len(cells) == len(sample[0]) for cells in sample) / len(sample)
            score = (fitting, sum(map(is_known, sample[0])), -_within(sample), len(sample[0]))
            if score > best_score:
                best, best_score = candidate, score
    return best


def _within(sample: list[list[str]]) -> float:
    """How many of the cells begin as the rest of a sentence or of a number does."""
    pairs = [pair for cells in sample[1:] for pair in pairwise(cells)]
    torn = sum(after.startswith(" ") or (before[-1:].isdigit() and after[:1].isdigit()) for before, after in pairs)
    return torn / max(1, len(pairs))


def _signs_alike(text: str) -> Iterator[tuple[int, list[str]]] | None:
    """Records of a table with tabs in which a line is a row: a quote is a sign like any other, unless it is one of two
    around a whole cell. None where lines differ in their number of tabs, as where cells go over several lines."""
    width = -1
    for line in io.StringIO(text):
        if line.strip("\n"):
            tabs = line.count("\t")
            if width not in (-1, tabs):
                return None
            width = tabs
    return _lines(text)


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(io.StringIO(text), 1):
        if bare := line.rstrip("\n"):
            yield number, [_unquoted(cell) for cell in bare.split("\t")]


def _unquoted(cell: str) -> str:
    if len(cell) < 2 or cell[0] != '"' or cell[-1] != '"':
        return cell
    inner = cell[1:-1].replace('""', "\0")
    return cell if '"' in inner else inner.replace("\0", '"')


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
