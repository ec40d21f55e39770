"""Parquet: a container that can unfold, so its declared size is checked first."""

import datetime
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

from playground.data.readers import class_names
from playground.data.table import MAX_COLUMNS, MAX_FIELD_CHARS, MAX_ROWS, MAX_VALUES, Problem, Row, Table, build_table
from playground.errors import DataError
from playground.sentence import N_, Sentence

MAX_UNPACKED_BYTES = 300 * 1024**2
_BATCH = 64


def read_parquet(path: Path) -> Table:
    """Every column as Python values; raises `DataError` for a damaged file or one that unfolds too far."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            _bound_parquet(file.metadata)
            binary: dict[str, None] = {}
            used: dict[str, None] = {}
            classes = _class_names(file.schema_arrow.metadata or {})
            rows = class_names.with_names(_parquet_rows(file, binary), classes, used)
            table = build_table(enumerate(rows, 1), "parquet", [])
            return _without(replace(table, problems=[*table.problems, *class_names.problems(used)]), binary)
    except MemoryError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise DataError("The Parquet file is damaged or cut off. Save it again and upload that.") from error


def plain_rows(file: BinaryIO, binary: dict[str, None]) -> Iterator[Row]:
    """The rows of an opened file one after another, with the names of classes; `binary` takes the columns in which some
    cell is no text. Raises `DataError` for a damaged file."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(file, pre_buffer=False) as opened:
            if opened.metadata.num_columns > MAX_COLUMNS:
                raise DataError("The file has more than {limit} columns. Keep those to learn from.", limit=MAX_COLUMNS)
            classes = _class_names(opened.schema_arrow.metadata or {})
            yield from class_names.with_names(_parquet_rows(opened, binary), classes, {})
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise DataError("The Parquet file is damaged or cut off. Save it again and upload that.") from error


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, dict[int, str]]:
    try:
        return class_names.of_features(json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"])
    except (ValueError, KeyError, TypeError):
        return {}


def _bound_parquet(metadata: object) -> None:
    facts: dict[str, int] = {name: getattr(metadata, name) for name in ("num_rows", "num_columns", "num_row_groups")}
    if facts["num_rows"] > MAX_ROWS:
        raise DataError("The file has more than {limit} rows. Split it and use a part.", limit=f"{MAX_ROWS:,}")
    if facts["num_columns"] > MAX_COLUMNS:
        raise DataError("The file has more than {limit} columns. Keep those to learn from.", limit=MAX_COLUMNS)
    groups = range(facts["num_row_groups"])
    size = sum(metadata.row_group(i).total_byte_size for i in groups)  # type: ignore[attr-defined]
    if size > MAX_UNPACKED_BYTES or _values(metadata) > MAX_VALUES:
        raise DataError("The file unfolds to too much text. Use a smaller part of it.")


def _values(metadata: Any) -> int:
    """What all cells hold, lists in them included."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    return sum(group.column(j).num_values for group in groups for j in range(metadata.num_columns))


def _without(table: Table, columns: Collection[str]) -> Table:
    """The table without the columns that hold no text; raises `DataError` when it has no others."""
    kept = [name for name in table.columns if name not in columns]
    if not kept:
        raise DataError("Every column holds binary data such as pictures. Upload a file with texts.")
    msgid = N_("The column '{column}' holds binary data such as pictures. It was left out.")
    problems = [*table.problems, *(Problem(Sentence(msgid, column=name)) for name in columns)]
    rows = [{name: value for name, value in row.items() if name not in columns} for row in table.rows]
    return replace(table, rows=rows, columns=kept, problems=problems) if columns else table


def _parquet_rows(file: object, binary: dict[str, None]) -> Iterator[dict[str, object]]:
    """Small batches: one long text repeated by reference must not be unfolded for all rows at once.

    `binary` takes the columns in which some cell is no text; such cells are empty.
    """
    for batch in file.iter_batches(batch_size=_BATCH):  # type: ignore[attr-defined]
        if batch.nbytes > _BATCH * MAX_FIELD_CHARS:
            raise DataError("The file unfolds to too much text. Use a smaller part of it.")
        for row in batch.to_pylist():
            yield {str(name): _text_or_none(value, str(name), binary) for name, value in row.items()}


def _text_or_none(value: object, name: str, binary: dict[str, None]) -> object:
    try:
        return plain_value(value)
    except UnicodeDecodeError:
        binary[name] = None
        return None


def plain_value(value: object) -> object:
    """Dates and decimals as text; nested values likewise; raises `UnicodeDecodeError` for bytes that are no text."""
    if isinstance(value, (datetime.date, datetime.time, datetime.timedelta, Decimal)):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, dict):
        return {str(name): plain_value(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_value(item) for item in value]
    return value
