"""Parquet and Excel workbooks: containers that can unfold, so their declared sizes are checked first."""

import datetime
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from playground.data.header import column_names
from playground.data.table import MAX_COLUMNS, MAX_FIELD_CHARS, MAX_ROWS, Problem, Table, build_table
from playground.errors import DataError

_UNFOLDED_BYTES = 300 * 1024**2
_BATCH = 64
_NO_WORKBOOK = "This is not an Excel workbook, or it is damaged. Save it as XLSX or CSV."


def read_parquet(path: Path) -> Table:
    """Every column as Python values; raises `DataError` for a damaged file or one that unfolds too far."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            _bound_parquet(file.metadata)
            return build_table(enumerate(_parquet_rows(file), 1), "parquet", [])
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise DataError("The Parquet file is damaged or cut off. Save it again and upload that.") from error


def _bound_parquet(metadata: object) -> None:
    facts: dict[str, int] = {name: getattr(metadata, name) for name in ("num_rows", "num_columns", "num_row_groups")}
    if facts["num_rows"] > MAX_ROWS:
        raise DataError("The file has more than {limit} rows. Split it and use a part.", limit=f"{MAX_ROWS:,}")
    if facts["num_columns"] > MAX_COLUMNS:
        raise DataError("The file has more than {limit} columns. Keep those to learn from.", limit=MAX_COLUMNS)
    groups = range(facts["num_row_groups"])
    if sum(metadata.row_group(i).total_byte_size for i in groups) > _UNFOLDED_BYTES:  # type: ignore[attr-defined]
        raise DataError("The file unfolds to too much text. Use a smaller part of it.")


def _parquet_rows(file: object) -> Iterator[dict[str, object]]:
    """Small batches: one long text repeated by reference must not be unfolded for all rows at once."""
    for batch in file.iter_batches(batch_size=_BATCH):  # type: ignore[attr-defined]
        if batch.nbytes > _BATCH * MAX_FIELD_CHARS:
            raise DataError("The file unfolds to too much text. Use a smaller part of it.")
        for row in batch.to_pylist():
            yield {str(name): _plain(value) for name, value in row.items()}


def read_workbook(path: Path) -> Table:
    """The first sheet of an XLSX file, header in its first row; raises `DataError`."""
    import openpyxl

    _bound_zip(path)
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
        try:
            return _first_sheet(book.worksheets)
        finally:
            book.close()
    except DataError:
        raise
    except Exception as error:  # a damaged workbook raises whatever its broken XML happens to hit
        raise DataError(_NO_WORKBOOK) from error


def _first_sheet(sheets: list[Any]) -> Table:
    if not sheets:
        raise DataError("The workbook has no sheet with cells. Put the rows in its first sheet.")
    problems = []
    if len(sheets) > 1:
        problems.append(Problem("Only the first sheet, '{sheet}', is read.", {"sheet": sheets[0].title}))
    sheets[0].reset_dimensions()  # what a sheet says of its size may be wrong
    rows = sheets[0].iter_rows(max_col=MAX_COLUMNS, max_row=MAX_ROWS + 2, values_only=True)
    names, notes = _sheet_names(next((row for row in rows if any(cell is not None for cell in row)), ()))
    late: list[Problem] = []
    table = build_table(_sheet_rows(rows, names, late), "xlsx", [*problems, *notes])
    table.problems.extend(late)
    return table


def _bound_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError) as error:
        raise DataError(_NO_WORKBOOK) from error
    if len(parts) > 2_000 or sum(part.file_size for part in parts) > _UNFOLDED_BYTES:
        raise DataError("The workbook unfolds to too much. Save the sheet as CSV and upload that.")


def _sheet_rows(
    rows: Iterator[tuple[object, ...]], names: dict[int, str], problems: list[Problem]
) -> Iterator[tuple[int, dict[str, object]]]:
    nameless = 0
    for number, row in enumerate(rows, 1):
        if any(cell is not None for cell in row):
            nameless += any(cell is not None and place not in names for place, cell in enumerate(row))
            yield number, {name: _cell(row[place] if place < len(row) else None) for place, name in names.items()}
    if nameless:
        told = "Cells under no heading are left out in rows: {count}. Name the column in the first row to use them."
        problems.append(Problem(told, {"count": nameless}))


def _sheet_names(header: tuple[object, ...]) -> tuple[dict[int, str], list[Problem]]:
    places = [place for place, cell in enumerate(header) if cell is not None]
    names, problems = column_names([str(_plain(header[place])) for place in places])
    return dict(zip(places, names, strict=True)), problems


def _cell(value: object) -> str:
    plain = _plain(value)
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    return "" if plain is None else str(plain)


def _plain(value: object) -> object:
    """Dates and decimals as text; nested values likewise; bytes only where they are text."""
    if isinstance(value, (datetime.date, datetime.time, datetime.timedelta, Decimal)):
        return str(value)
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError("A column holds binary data such as pictures. Leave that column out.") from error
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
