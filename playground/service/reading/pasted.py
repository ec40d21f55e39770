"""A text that somebody pasted as rows of a small table: what is asked in the first cell, the answer in the second."""

import csv
import io

from playground.data.column_mapping import AUTO
from playground.data.column_names import COMPLETION, PROMPT, plain
from playground.data.examples import MIN_EXAMPLES, Example
from playground.data.excerpts import as_text
from playground.data.inspection import inspect_table
from playground.data.readers.table_reader import read_text
from playground.data.shapes.turn_marks import read_turns
from playground.data.table import Table
from playground.errors import DataError, InputError
from playground.tasks.registry import dataset_formats

MAX_ROWS = 1_000
MAX_CHARS = 1_000_000
"""Of a table that is made on the page, and of what is pasted into it."""
Rows = list[list[str]]


def read_pasted(text: str) -> Rows:
    """Rows out of lines with tabs or commas, blocks that begin with Q: and A:, JSON, or plain paragraphs.

    Raises `PlaygroundError` for what holds no row, or too much.
    """
    if not text.strip():
        raise InputError("Paste something first.")
    check_size([[text]])
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    rows = _cells(text) or _turns(text) or _as_taught(read_text(text))
    check_size(rows)
    return rows


def check_size(rows: Rows) -> None:
    """Raise `InputError` for more than a table on the page can have."""
    if len(rows) > MAX_ROWS or sum(len(cell) for row in rows for cell in row) > MAX_CHARS:
        raise InputError(
            "A table that is made here has at most {rows} rows and {chars} characters. Send a file instead.",
            rows=f"{MAX_ROWS:,}",
            chars=f"{MAX_CHARS:,}",
        )


def _cells(text: str) -> Rows:
    """Two cells on each line, as spreadsheets copy them or CSV has them; a comma before a blank is one of a text."""
    for separator in ("\t", ",", ";"):
        try:
            records = list(csv.reader(io.StringIO(text), delimiter=separator, strict=True))
        except csv.Error:
            records = [line.split(separator) for line in text.split("\n")]
        rows = [record for record in records if any(cell.strip() for cell in record)]
        if all(len(row) == 2 for row in rows) and (separator == "\t" or not any(row[1][:1] == " " for row in rows)):
            named = plain(rows[0][0]) in PROMPT and plain(rows[0][1]) in COMPLETION
            return rows[1:] if named else rows
    return []


def _turns(text: str) -> Rows:
    """Questions and answers that follow each other under their names."""
    rows: Rows = []
    asked: list[str] = []
    for turn in read_turns(text) or []:
        if turn["role"] != "assistant":
            asked.append(str(turn["content"]))
        else:
            rows.append(["\n\n".join(asked), str(turn["content"])])
            asked = []
    return [*rows, ["\n\n".join(asked), ""]] if rows and asked else rows


def _two_columns(table: Table) -> Rows:
    first, second = table.columns[:2]
    return [[as_text(row.get(first)), as_text(row.get(second))] for row in table.rows]


def _as_taught(table: Table) -> Rows:
    """What would be read and learnt of each row; the cells as they are where that cannot be told."""
    try:
        found = inspect_table(table, AUTO, formats=dataset_formats())
    except DataError:
        if len(table.columns) > 1:
            return _two_columns(table)
        return [[as_text(row.get(table.columns[0])), ""] for row in table.rows]
    return [_pair(example) for example in found.examples.usable]


def _pair(example: Example) -> list[str]:
    if example.messages is None:
        return [example.text or "", ""]
    *before, answer = example.messages
    return ["\n\n".join(message["content"] for message in before), answer["content"]]


def as_csv(rows: Rows) -> bytes:
    """A table that was made on the page as a file: questions with answers, or texts where no answer stands.

    Raises `InputError` for one with fewer rows than can be learnt from.
    """
    written = [row for row in rows if any(cell.strip() for cell in row)]
    if len(written) < MIN_EXAMPLES:
        raise InputError("Write at least {least} rows first.", least=MIN_EXAMPLES)
    check_size(written)
    if any(row[1].strip() for row in written):
        lines = [["question", "answer"], *written]
    else:
        lines = [["text"], *([row[0]] for row in written)]
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(lines)
    return file.getvalue().encode("utf-8", "replace")
