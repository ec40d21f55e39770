"""Rows that stand deeper in a file than its columns: lists of rows within rows, and cells that hold JSON or Python."""

import ast
import json
from collections.abc import Callable

from playground.data.chat import spoken
from playground.data.column_mapping import ColumnMapping
from playground.data.column_names import CHAT, plain
from playground.data.excerpts import cells
from playground.data.table import MAX_DEPTH, MAX_FIELD_CHARS, SHOWN, Change, Problem, Row, Table, build_table
from playground.errors import DataError
from playground.sentence import Sentence


def flatten_to_fit(table: Table, resolve: Callable[[Table], ColumnMapping]) -> tuple[Table, ColumnMapping]:
    """The table as it must be flattened for its columns to be recognised, and the mapping.

    Raises the `DataError` about the table as it is when no flattening helps.
    """
    table = _open_cells(table)
    try:
        return table, resolve(table)
    except DataError:
        flat = _flatten(table)
        for _ in range(MAX_DEPTH):
            if flat is None:
                break
            try:
                return flat, resolve(flat)
            except DataError:
                flat = _flatten(flat)
        raise


def _flatten(table: Table) -> Table | None:
    """Make the entries of the one list of objects in each row rows of their own, with the row's other cells."""
    names = [name for name in table.columns if any(_is_list_of_rows(row.get(name)) for row in table.rows)]
    if len(names) != 1:
        return None
    name = names[0]
    rows = (
        {**{other: value for other, value in row.items() if other != name}, **entry}
        for row in table.rows
        for entry in _entries(row.get(name))
    )
    flat = build_table(enumerate(rows, 1), table.kind, table.problems)
    sentence = Sentence(
        "Every row holds a list of rows under '{name}'; those are read, {count} in all.",
        name=name,
        count=len(flat.rows),
    )
    flat.problems.append(Problem(sentence))
    return flat


def _entries(value: object) -> list[Row]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _is_list_of_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _open_cells(table: Table) -> Table:
    """Read the texts of a column named after a chat, a translation or answers as the data that they spell out."""
    rows = table.rows
    problems: list[Problem] = []
    for column in table.columns:
        if not (_holds_structure(column) or _holds_answers(column)):
            continue
        opened = [_opened(row.get(column), column) for row in rows]
        found = [index for index, value in enumerate(opened) if value is not None]
        if not found:
            continue
        first = [
            Change(table.numbers[index], cells(rows[index], (column,)), cells({column: opened[index]}))
            for index in found[:SHOWN]
        ]
        sentence = Sentence(
            "The texts in column '{column}' hold data and were read as such in rows: {count}.",
            column=column,
            count=len(found),
        )
        problems.append(Problem(sentence, changes=tuple(first)))
        rows = [row if value is None else {**row, column: value} for row, value in zip(rows, opened, strict=True)]
    if not problems:
        return table
    return build_table(zip(table.numbers, rows, strict=True), table.kind, [*table.problems, *problems])


def _holds_structure(column: str) -> bool:
    """Whether a column's name promises the turns of a chat, or a pair of languages."""
    return plain(column) in (*CHAT, "translation")


def _holds_answers(column: str) -> bool:
    """Whether a column's name promises an answer, which may be several people's."""
    return plain(column) in ("answer", "answers")


def _opened(value: object, column: str) -> object:
    found = _structure(value)
    if _holds_answers(column):  # an answer may be JSON to be learnt: only SQuAD's way of keeping several is read
        return found if isinstance(found, dict) and "text" in found and "answer_start" in found else None
    if found is None and isinstance(value, str) and plain(column) == "chosen":  # as in the hh-rlhf data
        return spoken(value)
    return found


def _structure(value: object) -> object:
    """The list or object that a text spells out, or None; only literals are evaluated, of a bounded length."""
    if not isinstance(value, str) or value.strip()[:1] not in ("[", "{") or len(value) > MAX_FIELD_CHARS:
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(value.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
        return found if isinstance(found, dict) or _is_list_of_rows(found) else None
    return None
