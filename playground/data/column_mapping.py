"""Which columns of a file are a format's: recognised from the header, or chosen by a person."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from playground.data.column_names import language_of, last_word, plain
from playground.data.formats import TEXT, Column, DatasetFormat, Formats
from playground.data.table import Table, cell
from playground.errors import DataError
from playground.sentence import N_

AUTO = "auto"
NOTHING_KNOWN = N_(
    "No columns to learn from were found. The file has: {columns}. Name them prompt and completion, question and "
    "answer, instruction and output, text and label, or just text."
)
"""What is said of a file in which no format is recognised."""


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """A format, and the file's column for each of its own that is filled. It may be a path: "answers.text"."""

    format: DatasetFormat
    columns: dict[str, str]


def recognize(table: Table, formats: Formats) -> ColumnMapping:
    """The first format whose required columns are all found; raises `DataError` that lists the file's."""
    for format in formats.values():
        found = _found(table, format, set())
        if not _missing(format, found):
            return ColumnMapping(format, found)
    if len(table.columns) == 1 and _shape(table, table.columns[0]) is str:
        return _only_texts(table)
    raise DataError(NOTHING_KNOWN, columns=_listed(table.columns))


def _only_texts(table: Table) -> ColumnMapping:
    """A file with a single column needs no known name for it."""
    return ColumnMapping(TEXT, {TEXT.columns[0].name: table.columns[0]})


def resolve(
    table: Table, formats: Formats, format: str = AUTO, columns: Mapping[str, str] | None = None
) -> ColumnMapping:
    """What a person chose, completed by what can be recognised; raises `DataError` for a wrong name."""
    chosen = {name: column for name, column in (columns or {}).items() if column}
    if format != AUTO and format not in formats:
        raise DataError(
            "The format '{format}' is not known. Use one of: {known}.",
            format=str(format)[:40],
            known=", ".join((AUTO, *formats)),
        )
    resolved = _suiting(table, formats, chosen) if format == AUTO else formats[format]
    _check_chosen(table, resolved, chosen)
    found = {**_found(table, resolved, set(chosen.values())), **chosen}
    if resolved == TEXT and not found and len(table.columns) == 1:
        return _only_texts(table)
    missing = _missing(resolved, found)
    if missing:
        raise DataError(
            "No column was found for: {missing}. The file has: {columns}. Choose the columns, or rename "
            "them in the file.",
            missing=", ".join(missing),
            columns=_listed(table.columns),
        )
    return ColumnMapping(resolved, {name: found[name] for name in resolved.column_names if name in found})


def _check_chosen(table: Table, format: DatasetFormat, chosen: Mapping[str, str]) -> None:
    for name, column in chosen.items():
        if name not in format.column_names:
            raise DataError(
                "The format {format} has no part '{role}'. Its parts are: {known}.",
                format=format.name,
                role=str(name)[:40],
                known=", ".join(format.column_names),
            )
        if column not in _paths(table):
            raise DataError(
                "There is no column '{column}'. The file has: {columns}.",
                column=str(column)[:60],
                columns=_listed(table.columns),
            )


def _suiting(table: Table, formats: Formats, chosen: Mapping[str, str]) -> DatasetFormat:
    """The recognised format if it has the chosen columns, otherwise the first whose needs the choice fills."""
    filled = [
        format
        for format in formats.values()
        if chosen and not _missing(format, chosen) and set(chosen) <= set(format.column_names)
    ]
    try:
        recognised = recognize(table, formats).format
    except DataError:
        if not filled:
            raise
        return filled[0]
    return recognised if set(chosen) <= set(recognised.column_names) or not filled else filled[0]


def _missing(format: DatasetFormat, found: Mapping[str, str]) -> list[str]:
    absent = [column for column in format.columns if column.required and column.name not in found]
    return [column.name for column in absent if not (column.instead and all(name in found for name in column.instead))]


def _found(table: Table, format: DatasetFormat, taken: set[str]) -> dict[str, str]:
    """Columns by header, first synonym first; each with cells of the shape that it is to hold."""
    if format.by_languages and (pair := _language_pair(table, taken)):
        return dict(zip(format.column_names, pair, strict=True))
    by_name = {plain(header): header for header in reversed(table.columns)}
    by_last_word = {last_word(header): header for header in reversed(table.columns)}
    found: dict[str, str] = {}
    needless: set[str] = set()
    for column in format.columns:
        if column.name in needless:
            continue
        for name in column.names:
            header = by_name.get(name) or (by_last_word.get(name) if column.holds == "label" else None)
            if header is None or header in taken or header in found.values():
                continue
            path = _fitting(table, header, column)
            if path:
                found[column.name] = path
                needless.update(column.instead)
                break
    return found


def _fitting(table: Table, header: str, column: Column) -> str:
    """The header if its cells are of the right shape, SQuAD's place of answers inside it, or ""."""
    shape = _shape(table, header)
    if column.holds == "turns":
        return header if shape is list else ""
    if column.holds == "answers" and shape is dict:
        return f"{header}.text" if f"{header}.text" in _paths(table) else ""
    return header if shape is str or (column.holds == "answers" and shape is list) else ""


def _language_pair(table: Table, taken: set[str]) -> list[str] | None:
    """Exactly two columns named after two languages, also inside one column called "translation"."""
    named = [path for path in _paths(table) if path not in taken and language_of(path)]
    nested = [path for path in named if "." in path]
    pair = nested if len(nested) == 2 else [path for path in named if "." not in path]
    pair = [path for path in pair if plain(path) != "id"] if len(pair) == 3 else pair
    if len(pair) == 2 and language_of(pair[0]) != language_of(pair[1]) and all(_shape(table, p) is str for p in pair):
        return pair
    return None


def _paths(table: Table) -> list[str]:
    """All columns, and the keys one level inside those that hold objects."""
    paths = list(table.columns)
    for column in table.columns:
        first = next((row[column] for row in table.rows if row.get(column) is not None), None)
        if isinstance(first, dict):
            paths += [f"{column}.{key}" for key in first]
    return paths


def _shape(table: Table, column: str) -> type:
    """str for cells that read as text, list or dict; from the first cells that hold anything."""
    cells = (cell(row, column) for row in table.rows)
    first = list(islice((value for value in cells if value is not None and value != ""), 5))
    for kind in (list, dict):
        if first and all(isinstance(value, kind) for value in first):
            return kind
    return str


def _listed(columns: list[str]) -> str:
    shown = ", ".join(column[:40] for column in columns[:20])
    return f"{shown} and {len(columns) - 20} more" if len(columns) > 20 else shown
