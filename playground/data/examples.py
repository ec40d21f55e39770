"""Rows to what a model learns from: a conversation that ends with the assistant, or a plain text."""

import random
from dataclasses import dataclass

from playground.data.chat import Unusable
from playground.data.column_mapping import ColumnMapping
from playground.data.formats import DatasetFormat
from playground.data.mapped_table import MappedRow, MappedTable
from playground.data.table import Table
from playground.errors import DataError
from playground.protocol.messages import Message
from playground.sentence import Sentence

MIN_EXAMPLES = 2
MIN_TELLING_ROWS = 20
"""So many rows held out tell a real progress from chance."""


@dataclass(frozen=True, slots=True)
class Example:
    """Either `messages`, the last one the assistant's, or a plain `text`; `row` is its place in the file from 1."""

    messages: tuple[Message, ...] | None
    text: str | None
    row: int


@dataclass(frozen=True, slots=True)
class Examples:
    """What can be learned from, and the rows that cannot, each with the reason.

    `remarks` are those of the format that apply to some of the usable rows, by their words, with these rows.
    """

    usable: list[Example]
    skipped: list[tuple[int, Sentence]]
    remarks: dict[str, list[int]]


def make_examples(table: Table, mapping: ColumnMapping) -> Examples:
    """Write every row as an example; raises `DataError` when fewer than two rows can be used."""
    usable: list[Example] = []
    skipped: list[tuple[int, Sentence]] = []
    remarks: dict[str, list[int]] = {}
    for row in MappedTable(table, mapping.columns):
        try:
            usable.append(_example(row, mapping.format))
        except Unusable as error:
            skipped.append((row.number, error.sentence))
            continue
        for remark in mapping.format.remarks:
            if remark.applies(row):
                remarks.setdefault(remark.msgid, []).append(row.number)
    if len(usable) < MIN_EXAMPLES:
        raise _too_few(len(usable), table, skipped)
    return Examples(usable, skipped, remarks)


def _example(row: MappedRow, format: DatasetFormat) -> Example:
    if format.to_messages is None:
        return Example(None, row.need(format.columns[0].name), row.number)
    return Example(tuple(format.to_messages(row)), None, row.number)


def _too_few(count: int, table: Table, skipped: list[tuple[int, Sentence]]) -> DataError:
    first = Sentence(" Row {row}: {reason}", row=skipped[0][0], reason=skipped[0][1]) if skipped else ""
    return DataError(
        "Only {count} of the {rows} rows can be used, and at least {least} are needed.{first}",
        count=count,
        rows=len(table.rows),
        least=MIN_EXAMPLES,
        first=first,
    )


def split(
    examples: list[Example], seed: int = 0, share: float = 0.1, max_held_out: int = 200
) -> tuple[list[Example], list[Example]]:
    """(to train on, held out), the same for the same seed and both in file order.

    A `share` is held out, but up to a fifth where that gives no more than `MIN_TELLING_ROWS`: over fewer, progress
    drowns in chance. None of fewer than 10 rows, and never more than `max_held_out`. Examples that say the same stay on
    one side, so that what is held out was not seen.
    """
    if len(examples) < 10:
        return list(examples), []
    target = min(max_held_out, max(round(share * len(examples)), min(MIN_TELLING_ROWS, len(examples) // 5)))
    groups: dict[object, list[int]] = {}
    for index, example in enumerate(examples):
        groups.setdefault(_content(example), []).append(index)
    order = list(groups.values())
    random.Random(seed).shuffle(order)
    held: set[int] = set()
    for group in order:
        if len(held) + len(group) <= target:
            held.update(group)
        if len(held) == target:
            break
    if not held:  # every text is repeated more often than may be held out: better one seen before than none
        held.update(min(order, key=len)[:target])
    train_examples = [example for index, example in enumerate(examples) if index not in held]
    return train_examples, [examples[index] for index in sorted(held)]


def _content(example: Example) -> object:
    if example.messages is None:
        return example.text
    return tuple((message["role"], message["content"]) for message in example.messages)
