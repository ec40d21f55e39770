"""Which rows are taught: not those that the file marks as bad or keeps for testing, and that is told."""

from collections.abc import Callable
from dataclasses import dataclass

from playground.data.column_fit import FALSE
from playground.data.column_names import split_named
from playground.data.mapped_table import MappedRow, MappedTable
from playground.data.table import Problem
from playground.sentence import N_, Sentence

_BAD = N_("'{column}' marks rows as bad: {count} (first row {row}). They are not taught.")
_LOW = N_("'{column}' is in the lower half of its range in rows: {count} (first row {row}). They are not taught.")
_KEPT = N_("'{column}' keeps rows for testing: {count} (first row {row}). They are not taught but set aside.")


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
        problems.append(Problem(sentence, found[0]))
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
