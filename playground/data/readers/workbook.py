"""Excel workbooks: a container that can unfold, so its declared size is checked first."""

import datetime
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from playground.data.column_names import is_known
from playground.data.readers.header import (
    LOOKED_AT,
    below_titles,
    column_names,
    header_place,
    is_example,
    lines_above,
    nameless,
)
from playground.data.readers.parquet import MAX_UNPACKED_BYTES, plain_value
from playground.data.table import MAX_COLUMNS, MAX_ROWS, Problem, Table, build_table
from playground.errors import DataError
from playground.sentence import N_, Sentence

_NO_WORKBOOK = N_("This is not an Excel workbook, or it is damaged. Save it as XLSX or CSV.")
_MAX_EXPANSION, _MAX_TRAP_BYTES = 100, 16 * 1024**2
"""No table that somebody wrote becomes so much larger than its file; a million times the same string does."""
Cells = tuple[object, ...]


def read_workbook(path: Path) -> Table:
    """The first sheet with known names of columns, else the first with rows; raises `DataError`."""
    import openpyxl

    _bound_zip(path)
    try:
        with path.open("rb") as file:  # openpyxl would refuse a path that ends in .csv
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            try:
                return _chosen_sheet(book.worksheets)
            finally:
                book.close()
    except (DataError, MemoryError):
        raise
    except Exception as error:  # a damaged workbook raises whatever its broken XML happens to hit
        raise DataError(_NO_WORKBOOK) from error


def _bound_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError) as error:
        raise DataError(_NO_WORKBOOK) from error
    size = sum(part.file_size for part in parts)
    is_trap = size > _MAX_TRAP_BYTES and size > _MAX_EXPANSION * path.stat().st_size
    if len(parts) > 2_000 or size > MAX_UNPACKED_BYTES or is_trap:
        raise DataError("The workbook unfolds to too much. Save the sheet as CSV and upload that.")


def _chosen_sheet(sheets: list[Any]) -> Table:
    if not sheets:
        raise DataError("The workbook has no sheet with cells. Put the rows in its first sheet.")
    tops = [list(islice(_rows(sheet), LOOKED_AT)) for sheet in sheets]
    filled = [place for place, top in enumerate(tops) if sum(map(_is_filled, top)) > 1] or [0]
    known = (place for place in filled if any(is_known(cell) for row in tops[place] for cell in _texts(row)))
    chosen = next(known, filled[0])
    problems = []
    if len(sheets) > 1:
        msgid = N_("Only the sheet '{sheet}' is read.") if chosen else N_("Only the first sheet, '{sheet}', is read.")
        problems.append(Problem(Sentence(msgid, sheet=sheets[chosen].title)))
    return _table(_rows(sheets[chosen]), tops[chosen], problems)


def _rows(sheet: Any) -> Iterator[Cells]:
    sheet.reset_dimensions()  # what a sheet says of its size may be wrong
    rows: Iterator[Cells] = sheet.iter_rows(max_col=MAX_COLUMNS, max_row=MAX_ROWS + LOOKED_AT + 1, values_only=True)
    return rows


def _table(rows: Iterator[Cells], top: list[Cells], problems: list[Problem]) -> Table:
    lines = [_texts(row) for row in top]
    place = (
        header_place(lines)
        or below_titles(lines)
        or next((place for place, row in enumerate(top) if _is_filled(row)), 0)
    )
    header = top[place] if top else ()
    named = [column for column, cell in enumerate(header) if cell is not None]
    first = [lines[place][column] for column in named]
    without = is_example(first, ([line[column] for column in named if column < len(line)] for line in lines))
    names, notes = nameless(first) if without else column_names(first)
    above = lines_above([line for line in lines[:place] if any(line)])
    late: list[Problem] = []
    data = _data(islice(rows, place + (not without), None), dict(zip(named, names, strict=True)), late)
    table = build_table(data, "xlsx", [*problems, *above, *notes])
    table.problems.extend(late)
    return table


def _data(
    rows: Iterator[Cells], names: dict[int, str], problems: list[Problem]
) -> Iterator[tuple[int, dict[str, object]]]:
    without_name = 0
    for number, row in enumerate(rows, 1):
        if _is_filled(row):
            without_name += any(cell is not None and place not in names for place, cell in enumerate(row))
            yield number, {name: _text(row[place] if place < len(row) else None) for place, name in names.items()}
    if without_name:
        sentence = Sentence(
            "Cells under no heading are left out in rows: {count}. Name the column in the first row to use them.",
            count=without_name,
        )
        problems.append(Problem(sentence))


def _is_filled(row: Cells) -> bool:
    return any(cell is not None for cell in row)


def _texts(row: Cells) -> list[str]:
    return [_text(cell) for cell in row]


def _text(value: object) -> str:
    """A cell as it shows: no ".0" behind a whole number, and no hour behind a day."""
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        value = value.date()
    plain = plain_value(value)
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    return "" if plain is None else str(plain)
