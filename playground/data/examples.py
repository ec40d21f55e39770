"""Rows to what a model learns from: a conversation that ends with the assistant, or a plain text."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from playground.data.chat import Unusable, continued
from playground.data.column_mapping import ColumnMapping
from playground.data.formats import DatasetFormat
from playground.data.mapped_table import MappedRow, MappedTable
from playground.data.selection import RowChanges, select
from playground.data.strip import Stripper
from playground.data.table import Problem, Table
from playground.errors import DataError
from playground.protocol.messages import Message
from playground.sentence import N_, Sentence

NO_CHANGES = RowChanges()
MIN_EXAMPLES = 2
MAX_TURNS = 200
"""In a chain of rows."""


@dataclass(frozen=True, slots=True)
class Example:
    """Either `messages`, the last one the assistant's, or a plain `text`; `row` is its place in the file from 1.

    `held_out` is one that the file itself keeps for testing.
    """

    messages: tuple[Message, ...] | None
    text: str | None
    row: int
    held_out: bool = False


@dataclass(frozen=True, slots=True)
class Examples:
    """What can be learned from, and the rows that cannot, each with the reason.

    `remarks` are those of the format that apply to some of the usable rows, by their words, with these rows;
    `problems` is what else is to be told of the rows: which were chosen, and what was taken off them.
    """

    usable: list[Example]
    skipped: list[tuple[int, Sentence]]
    remarks: dict[str, list[int]]
    problems: tuple[Problem, ...] = ()


def make_examples(table: Table, mapping: ColumnMapping, changes: RowChanges = NO_CHANGES) -> Examples:
    """Write every row that is to be taught as an example; raises `DataError` when fewer than two can be.

    Rows that a person edited are taught as they were written; those that were left out must be gone already.
    """
    rows = MappedTable(table, mapping.columns)
    chosen = select(rows)
    stripper, chains = Stripper(), _Chains(rows)
    usable: list[Example] = []
    edited: list[Example] = []
    skipped: list[tuple[int, Sentence]] = []
    remarks: dict[str, list[int]] = {}
    for row in chains.in_order(rows):
        if row.number in changes.edited:
            example = edited_example(row.number, changes.edited[row.number], mapping.format)
            chains.remember(example, row)
            edited.append(replace(example, held_out=row.number in chosen.set_aside))
            continue
        if row.number in chosen.left_out:
            continue
        try:
            example = stripper.strip(chains.continue_(_example(row, mapping.format), row))
        except Unusable as error:
            skipped.append((row.number, error.sentence))
            continue
        usable.append(replace(example, held_out=True) if row.number in chosen.set_aside else example)
        for remark in mapping.format.remarks:
            if remark.applies(row):
                remarks.setdefault(remark.msgid, []).append(row.number)
    usable = stripper.strip_common(sorted(usable, key=lambda example: example.row))
    usable = sorted([*usable, *edited], key=lambda example: example.row)
    skipped.sort(key=lambda row: row[0])
    if len(usable) < MIN_EXAMPLES or sum(not example.held_out for example in usable) < 1:
        raise _too_few(len(usable), table, skipped)
    return Examples(usable, skipped, remarks, (*chosen.problems, *stripper.problems()))


def edited_example(number: int, written: tuple[Message, ...] | str, format: DatasetFormat) -> Example:
    """What a person wrote for a row; raises `DataError` where that cannot be taught."""
    if isinstance(written, str) != (format.to_messages is None):
        wanted = N_("a text") if format.to_messages is None else N_("messages")
        raise DataError("Row {row} was changed to the wrong kind: give {wanted}.", row=number, wanted=Sentence(wanted))
    try:
        if not isinstance(written, str):
            return Example(tuple(continued(list(written))), None, number)
        if not written.strip():
            raise Unusable("The text is empty.")
    except Unusable as error:
        raise DataError("Row {row} as you changed it cannot be learnt. {reason}", row=number, reason=error) from error
    return Example(None, written, number)


def example_alone(table: MappedTable, number: int, format: DatasetFormat) -> Example:
    """What would be made of one row by itself; raises `DataError` where it is nothing, or there is no such row."""
    for row in table:
        if row.number == number:
            return Stripper().strip(_example(row, format))
    raise DataError("There is no such row.")


def _example(row: MappedRow, format: DatasetFormat) -> Example:
    if format.to_messages is None:
        return Example(None, row.need(format.columns[0].name), row.number)
    return Example(tuple(format.to_messages(row)), None, row.number)


class _Chains:
    """Rows that go on from other rows: what was said there is read before, and learnt there."""

    def __init__(self, table: MappedTable) -> None:
        self._known: dict[str, tuple[Message, ...]] | None = {} if "parent" in table.columns else None

    def in_order(self, rows: MappedTable) -> Iterable[MappedRow]:
        """Each row behind the one that it goes on from, wherever that stands in the file."""
        if self._known is None:
            return rows
        by_id = {row.text("id").strip(): row for row in rows}
        ordered: dict[int, MappedRow] = {}
        for row in rows:
            path = [row]
            while (before := by_id.get(path[-1].text("parent").strip())) and before.number not in ordered:
                if before in path or len(path) > MAX_TURNS:
                    break
                path.append(before)
            ordered.update((step.number, step) for step in reversed(path))
        return ordered.values()

    def continue_(self, example: Example, row: MappedRow) -> Example:
        if self._known is None or example.messages is None:
            return example
        before = self._known.get(row.text("parent").strip(), ())
        opens_alike = before and example.messages[0] == before[0] and before[0]["role"] == "system"
        messages = (*before, *example.messages[1 if opens_alike else 0 :])
        example = replace(example, messages=messages)
        self.remember(example, row)
        return example

    def remember(self, example: Example, row: MappedRow) -> None:
        """Have rows go on from this one as it is taught."""
        if self._known is not None and example.messages is not None:
            self._known[row.text("id").strip()] = tuple(_read_only(message) for message in example.messages)


def _read_only(message: Message) -> Message:
    return {**message, "weight": 0} if message["role"] == "assistant" else message


def _too_few(count: int, table: Table, skipped: list[tuple[int, Sentence]]) -> DataError:
    first = Sentence(" Row {row}: {reason}", row=skipped[0][0], reason=skipped[0][1]) if skipped else ""
    return DataError(
        "Only {count} of the {rows} rows can be used, and at least {least} are needed.{first}",
        count=count,
        rows=len(table.rows),
        least=MIN_EXAMPLES,
        first=first,
    )
