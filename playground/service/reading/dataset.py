"""What the app is told of a dataset file. Made in a process of its own, and bounded, whatever the file holds."""

from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from playground.data.column_mapping import AUTO
from playground.data.examples import NO_CHANGES, Example
from playground.data.excerpts import as_text
from playground.data.inspection import Findings, Inspection, UnusableRowsError, inspect_table
from playground.data.readers.table_reader import read_table
from playground.data.selection import RowChanges
from playground.data.split import split
from playground.data.table import Row, Table
from playground.errors import DataError
from playground.protocol.messages import Message
from playground.sentence import Sentence
from playground.tasks.registry import dataset_formats
from playground.training.spec import StoredExamples

MAX_MEASURED_EXAMPLES = 500
MAX_MEASURED_CHARS = 1_000_000
MAX_SHOWN_CHARS = 4_000_000
"""Of all examples that are shown."""
MAX_EXAMPLE_CHARS = 200_000
MAX_TURNS = 1_000
"""Of one that is measured or shown: longer ones are so far beyond any row that their ends change nothing."""
_FIRST_ROWS = 5
_CELL_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class DatasetFile:
    """A file as a person wants it read.

    `columns` is the file's column for each role, where it was chosen by hand; `repairs` names what shall be mended,
    None for all that is offered; `name` is the visitor's, where the path has another. `changes` are a person's to
    single rows.
    """

    path: Path
    name: str | None = None
    format: str = AUTO
    columns: Mapping[str, str] = field(default_factory=dict)
    repairs: Collection[str] | None = ()
    changes: RowChanges = NO_CHANGES


@dataclass(frozen=True, slots=True)
class DatasetReading:
    """A file as it would be taught, its usable rows split after the repairs; of the examples, those that are shown, and
    some from all over those to train on and all, to be measured.

    `first_asked` is the first that is set aside, or else the first of all; `held_out` are numbers of rows.
    """

    findings: Findings
    num_train: int
    held_out: tuple[int, ...]
    shown: tuple[Example, ...]
    measured_train: tuple[Example, ...]
    measured: tuple[Example, ...]
    first_asked: Example
    are_texts: bool
    usable: "array[int]"
    """Numbers of all rows that are taught or set aside."""


class UnmatchedError(DataError):
    """A file can be read, but not be taught as it stands; `table` is how it begins.

    `format` and `columns` are those that were recognised, where the rows alone are the trouble.
    """

    def __init__(
        self, sentence: Sentence, table: Table, format: str = "", columns: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(sentence)
        self.table, self.format, self.columns = table, format, columns or {}

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.sentence, self.table, self.format, self.columns)


def read_dataset(file: DatasetFile, offset: int = 0, num_shown: int = 0) -> DatasetReading:
    """Read a file, recognise its columns and mend what shall be; `num_shown` examples from `offset` on are shown.

    Raises `DataError` for a file that cannot be read at all, and as such `UnmatchedError` for others.
    """
    return _read(file, offset, num_shown)[0]


def read_rows(file: DatasetFile) -> tuple[DatasetReading, StoredExamples, StoredExamples]:
    """As `read_dataset`, and the examples to train on and those that are set aside."""
    reading, train, held_out = _read(file, 0, 0)
    return reading, StoredExamples.of(train), StoredExamples.of(held_out)


def _read(file: DatasetFile, offset: int, num_shown: int) -> tuple[DatasetReading, list[Example], list[Example]]:
    found = inspected(file)
    usable = found.examples.usable
    train, held_out = split(usable)
    reading = DatasetReading(
        found.findings(),
        len(train),
        tuple(example.row for example in held_out),
        shown=tuple(_first(usable[offset : offset + num_shown], MAX_SHOWN_CHARS, MAX_EXAMPLE_CHARS)),
        measured_train=tuple(spread(train)),
        measured=tuple(spread([*train, *held_out])),
        first_asked=shortened((held_out or train)[0], MAX_EXAMPLE_CHARS),
        are_texts=usable[0].text is not None,
        usable=array("L", (example.row for example in usable)),
    )
    return reading, train, held_out


def inspected(file: DatasetFile) -> Inspection:
    """A file's rows and all that was found in them; raises as `read_dataset` does."""
    table = read_table(file.path, file.name)
    try:
        return inspect_table(
            table,
            file.format,
            file.columns,
            formats=dataset_formats(),
            repairs=file.repairs,
            changes=file.changes,
        )
    except UnusableRowsError as error:
        known = error.mapping
        raise UnmatchedError(error.sentence, _beginning(table), known.format.name, known.columns) from error
    except DataError as error:
        raise UnmatchedError(error.sentence, _beginning(table)) from error


def _beginning(table: Table) -> Table:
    rows: list[Row] = [{name: _short(value) for name, value in row.items()} for row in table.rows[:_FIRST_ROWS]]
    return replace(table, rows=rows, numbers=table.numbers[:_FIRST_ROWS])


def _short(value: object) -> object:
    return value if value is None or isinstance(value, (int, float)) else as_text(value)[:_CELL_CHARS]


def _first(examples: Sequence[Example], most: int, most_of_one: int) -> list[Example]:
    """As many of the first as there is room for in so many characters, at least one."""
    taken: list[Example] = []
    for example in examples:
        one = shortened(example, most_of_one)
        most -= chars(one)
        if taken and most < 0:
            break
        taken.append(one)
    return taken


def spread(examples: Sequence[Example]) -> list[Example]:
    """Examples from all over the file, as many as can be measured in a moment."""
    return _first(examples[:: -(-len(examples) // MAX_MEASURED_EXAMPLES)], MAX_MEASURED_CHARS, MAX_MEASURED_CHARS)


def chars(example: Example) -> int:
    return len(example.text or "") + sum(len(message["content"]) for message in example.messages or ())


def shortened(example: Example, most: int) -> Example:
    """The same one, unless it is longer than any row: then without turns of its middle and the ends of its texts."""
    if example.messages is None:
        return replace(example, text=(example.text or "")[:most]) if len(example.text or "") > most else example
    if chars(example) <= most and len(example.messages) <= MAX_TURNS:
        return example
    kept = (*example.messages[: MAX_TURNS - 1], example.messages[-1]) if len(example.messages) > MAX_TURNS else None
    messages = kept or example.messages
    each = max(most // len(messages), 1)
    return replace(
        example, messages=tuple(cast(Message, {**said, "content": said["content"][:each]}) for said in messages)
    )
