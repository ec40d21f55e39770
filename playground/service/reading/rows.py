"""Single rows of a dataset file for whoever looks through it: as they are taught, or with the reason why not."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from playground.data.examples import Example, edited_example, example_alone
from playground.data.excerpts import as_text
from playground.data.inspection import Inspection
from playground.data.mapped_table import MappedTable
from playground.data.repair import DUPLICATES, EMPTY_ROWS, NEARLY_EMPTY
from playground.errors import DataError, InputError
from playground.sentence import N_, Sentence
from playground.service.reading.dataset import MAX_EXAMPLE_CHARS, DatasetFile, inspected, shortened

MAX_VIEWS = 50
"""Rows that are shown at once."""
MAX_FOUND = 1_000
_CELL_CHARS = 2_000
_CELLS = 20
_LEFT_OUT = N_("You left this row out.")
_LEAVE_OUT = (EMPTY_ROWS, NEARLY_EMPTY, DUPLICATES)


@dataclass(frozen=True, slots=True)
class RowView:
    """`example` is what is taught, or would be; None where nothing can be made of the row. `reasons` say why it is not
    taught, `cells` what stands in its columns."""

    row: int
    example: Example | None
    taught: bool = True
    reasons: tuple[Sentence, ...] = ()
    cells: tuple[tuple[str, str], ...] = ()
    whole: bool = True
    """Whether nothing of the example was cut off to be shown."""


def view_rows(file: DatasetFile, numbers: Sequence[int]) -> tuple[RowView, ...]:
    """Rows by their numbers, so many as are shown at once; raises `InputError` for one that is not there, and as
    `read_dataset` does."""
    return _views(file, inspected(file), numbers)


def find_rows(file: DatasetFile, words: str) -> "tuple[array[int], tuple[RowView, ...]]":
    """The numbers of the first rows that hold these words anywhere, and the first of them; raises as `view_rows`."""
    found, wanted = inspected(file), words.casefold()
    numbers = array("L")
    for number, row in zip(found.table.numbers, found.table.rows, strict=True):
        written = file.changes.edited.get(number)
        texts = [as_text(value) for value in row.values()] if written is None else [as_text(_plain(written))]
        if any(wanted in text.casefold() for text in texts):
            numbers.append(number)
            if len(numbers) == MAX_FOUND:
                break
    return numbers, _views(file, found, numbers)


def _plain(written: object) -> object:
    return list(written) if isinstance(written, tuple) else written


def _views(file: DatasetFile, found: Inspection, numbers: Sequence[int]) -> tuple[RowView, ...]:
    taught = {example.row: example for example in found.examples.usable}
    views = []
    for number in numbers[:MAX_VIEWS]:
        if number in taught:
            example = shortened(taught[number], MAX_EXAMPLE_CHARS)
            views.append(RowView(number, example, whole=example is taught[number]))
        else:
            views.append(_not_taught(file, found, number))
    return tuple(views)


def _not_taught(file: DatasetFile, found: Inspection, number: int) -> RowView:
    if number not in found.table.numbers:
        raise InputError("There is no row {row} in the file. It has {count}.", row=number, count=found.rows)
    row = found.table.rows[found.table.numbers.index(number)]
    cells = tuple((name, as_text(value)[:_CELL_CHARS]) for name, value in list(row.items())[:_CELLS])
    format = found.mapping.format
    try:
        if number in file.changes.edited:
            example = edited_example(number, file.changes.edited[number], format)
        else:
            example = example_alone(MappedTable(found.table, found.mapping.columns), number, format)
    except DataError:
        return RowView(number, None, False, _reasons(file, found, number), cells)
    short = shortened(example, MAX_EXAMPLE_CHARS)
    return RowView(number, short, False, _reasons(file, found, number), cells, short is example)


def _reasons(file: DatasetFile, found: Inspection, number: int) -> tuple[Sentence, ...]:
    if number in file.changes.left_out:
        return (Sentence(_LEFT_OUT),)
    if reason := dict(found.examples.skipped).get(number):
        return (reason,)
    repaired = [
        repair.sentence
        for repair in found.repairs
        if repair.kind in found.made and repair.kind in _LEAVE_OUT and number in repair.rows
    ]
    return (*repaired, *(problem.sentence for problem in found.problems if number in problem.rows))
