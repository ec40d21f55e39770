"""Which rows are taught: not those that a person left out, or that the file marks as bad or keeps for testing, and that
is told."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from playground.data.column_fit import FALSE
from playground.data.column_names import split_named
from playground.data.mapped_table import MappedRow, MappedTable
from playground.data.table import Problem, Table
from playground.errors import DataError, InputError
from playground.protocol.messages import Message
from playground.sentence import N_, Sentence

_BAD = N_("'{column}' marks rows as bad: {count} (first row {row}). They are not taught.")
_LOW = N_("'{column}' is in the lower half of its range in rows: {count} (first row {row}). They are not taught.")
_KEPT = N_("'{column}' keeps rows for testing: {count} (first row {row}). They are not taught but set aside.")
MAX_EDITED = 500
MAX_EDITED_CHARS = 2_000_000
_NOT_EDITED = N_(
    "edited must give rows by their numbers, each as a text or as messages, as in "
    '{"3": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}.'
)
_LEFT_OUT = N_("You left out rows: {count} (first row {row}). They are not taught.")
_EDITED = N_("You changed rows: {count} (first row {row}). They are taught as you wrote them.")


@dataclass(frozen=True, slots=True)
class RowChanges:
    """What a person changed of rows, by their numbers; the file itself stays as it is.

    An edited row is taught as it was written, messages or a text: nothing is mended in it and nothing taken off, and
    no mark of the file leaves it out.
    """

    left_out: frozenset[int] = frozenset()
    edited: Mapping[int, tuple[Message, ...] | str] = field(default_factory=dict)

    @classmethod
    def read(cls, left_out: object, edited: object) -> "RowChanges":
        """From plain values as JSON has them; raises `InputError` that names what is wrong."""
        if not isinstance(left_out, list) or not all(map(_is_number, left_out)):
            raise InputError("left_out must be a list of row numbers, as in [3, 17].")
        if not isinstance(edited, dict):
            raise InputError(_NOT_EDITED)
        if len(edited) > MAX_EDITED:
            raise InputError("At most {limit} rows can be changed. Change the file itself.", limit=MAX_EDITED)
        written = {}
        for number, value in edited.items():
            if not str(number).isdecimal() or not (isinstance(value, str) or _are_messages(value)):
                raise InputError(_NOT_EDITED)
            written[int(number)] = value if isinstance(value, str) else tuple(cast(list[Message], value))
        if sum(map(_chars, written.values())) > MAX_EDITED_CHARS:
            raise InputError(
                "The changed rows hold more than {limit} characters in all. Change the file itself.",
                limit=f"{MAX_EDITED_CHARS:,}",
            )
        return cls(frozenset(left_out), written)

    def to_plain(self) -> dict[str, object]:
        """As `read` takes it, fit for JSON."""
        written = {
            str(number): value if isinstance(value, str) else list(value) for number, value in self.edited.items()
        }
        return {"left_out": sorted(self.left_out), "edited": written}

    def leave_out(self, number: int) -> "RowChanges":
        return replace(self, left_out=self.left_out | {number})

    def edit(self, number: int, written: tuple[Message, ...] | str) -> "RowChanges":
        """With a row as it is written now, which is taught then."""
        return RowChanges(self.left_out - {number}, {**self.edited, number: written})

    def undo(self, number: int) -> "RowChanges":
        """A row that was left out as it was before that, any other as it stands in the file."""
        if number in self.left_out:
            return replace(self, left_out=self.left_out - {number})
        return replace(self, edited={other: value for other, value in self.edited.items() if other != number})

    def check(self, table: Table) -> None:
        """Raise `DataError` for a row that is not there."""
        known = set(table.numbers)
        for number in sorted({*self.left_out, *self.edited}):
            if number not in known:
                raise DataError("There is no row {row} in the file. It has {count}.", row=number, count=len(known))

    def problems(self) -> list[Problem]:
        """What is told of them."""
        edited = sorted(self.edited.keys() - self.left_out)
        return [
            Problem(Sentence(msgid, count=len(rows), row=rows[0]), rows[0], rows=tuple(rows))
            for msgid, rows in ((_LEFT_OUT, sorted(self.left_out)), (_EDITED, edited))
            if rows
        ]


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _are_messages(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, dict)
        and item.get("role") in ("system", "user", "assistant")
        and isinstance(item.get("content"), str)
        and item.keys() <= {"role", "content", "weight"}
        for item in value
    )


def _chars(written: tuple[Message, ...] | str) -> int:
    return len(written) if isinstance(written, str) else sum(len(message["content"]) for message in written)


def without(table: Table, numbers: Collection[int]) -> Table:
    """The table without some of its rows."""
    if not numbers:
        return table
    kept = [place for place, number in enumerate(table.numbers) if number not in numbers]
    return replace(table, rows=[table.rows[place] for place in kept], numbers=[table.numbers[place] for place in kept])


def put_back(table: Table, whole: Table, numbers: Collection[int]) -> Table:
    """The table with these rows of the whole one between its own, where they stood."""
    if not numbers:
        return table
    known = dict(zip(table.numbers, table.rows, strict=True))
    rows = [
        (number, known.get(number, row))
        for number, row in zip(whole.numbers, whole.rows, strict=True)
        if number in known or number in numbers
    ]
    return replace(table, rows=[row for _, row in rows], numbers=[number for number, _ in rows])


@dataclass(frozen=True, slots=True)
class Selection:
    """Numbers of rows by what becomes of them; all others are taught."""

    left_out: frozenset[int]
    set_aside: frozenset[int]
    problems: tuple[Problem, ...]


def select(table: MappedTable) -> Selection:
    """Look through the columns that say which rows are good and what they are for."""
    problems: list[Problem] = []
    bad = _rows(table, "good", lambda text: text in FALSE, _BAD, problems)
    lowest = _middle(table)
    low = _rows(table, "rating", lambda text: _number(text, lowest) < lowest, _LOW, problems)
    aside = _rows(table, "split", lambda text: split_named(text) == "test", _KEPT, problems)
    return Selection(bad | low, aside - bad - low, tuple(problems))


def _rows(
    table: MappedTable, column: str, is_meant: Callable[[str], bool], msgid: str, problems: list[Problem]
) -> frozenset[int]:
    if column not in table.columns:
        return frozenset()
    found = [row.number for row in table if is_meant(_said(row, column))]
    if found:
        sentence = Sentence(msgid, column=table.columns[column], count=len(found), row=found[0])
        problems.append(Problem(sentence, found[0], rows=tuple(found)))
    return frozenset(found)


def _said(row: MappedRow, column: str) -> str:
    return row.text(column).strip().lower()


def _middle(table: MappedTable) -> float:
    """Of the range of the ratings."""
    if "rating" not in table.columns:
        return 0.0
    ratings = [rating for row in table if (rating := _number(_said(row, "rating"), float("nan"))) == rating]
    return (min(ratings) + max(ratings)) / 2 if ratings else 0.0


def _number(text: str, otherwise: float) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return otherwise
