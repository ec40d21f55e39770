"""The small pictures of a file on its way to a training: its rows, its lengths, and what was noticed and repaired."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from markupsafe import Markup

from playground.data.excerpts import as_text, excerpt
from playground.data.repair import Repair
from playground.data.table import Problem, Table
from playground.i18n.catalog import Gettext
from playground.sentence import N_
from playground.service.datasets import ExampleLengths
from playground.ui.templates import render

MAX_LED_TO = 1_000
_BARS = 12
_BARS_HEIGHT = 43
_ROWS, _COLUMNS = 3, 8
_MIN_BARS = 3
CUT = N_("{count} of the examples are longer than {limit} places: their ends are cut off.")
LOST = N_("{count} are left out, because their answers begin only after {limit} places.")
PIECES = N_("{count} texts are longer than {limit} places: they are learnt whole, in {pieces} pieces.")
_BLANK = re.compile(r"[^\S\r\n]")


class Lead(NamedTuple):
    """A line that leads to rows: what it says, and their numbers, so many as can be leafed through."""

    title: str
    rows: tuple[int, ...]


Link = tuple[int, int]
"""The place of a lead among all, and the row that it leads to first."""


def lead(leads: list[Lead] | None, title: str, rows: Sequence[int], first: int = 0) -> Link | None:
    """Note where a line leads; None where it is about no row, or where none can be shown."""
    if leads is None or not rows:
        return None
    known = Lead(title, tuple(rows[:MAX_LED_TO]))
    if leads[-1:] != [known]:
        leads.append(known)
    return len(leads) - 1, first or rows[0]


def preview(gettext: Gettext, pieces: Iterable[tuple[str, bool]]) -> Markup:
    """A row as the model reads it; what it learns to write is marked."""
    shown, before = [], ""
    for text, learnt in pieces:
        # Between question and answer stand signs of the model's own that are not shown: keep the two apart.
        apart = "\n" if before and not before[-1].isspace() and not text[:1].isspace() else ""
        shown.append((apart, text, learnt))
        before = text
    return render("preview", gettext, pieces=shown)


def lengths(gettext: Gettext, fit: ExampleLengths, leads: list[Lead]) -> str:
    """How many examples have which length, in tokens, and what becomes of those that do not fit."""
    if not fit.counts:
        return ""
    told = [
        (msgid, rows, {"count": len(rows), "limit": fit.limit, "pieces": fit.pieces})
        for msgid, rows in ((CUT, fit.cut), (LOST, fit.lost), (PIECES, fit.texts))
        if rows
    ]
    lines = [(said := gettext(msgid, **fields), lead(leads, said, rows)) for msgid, rows, fields in told]
    return render("lengths", gettext, fit=fit, bars=_bars(fit.counts), lines=lines)


def _bars(counts: Sequence[int]) -> list[tuple[str, str]]:
    """(top, height) of each bar; none for a handful of examples."""
    if len(counts) < _MIN_BARS:
        return []
    width = max(1, -(-(max(counts) + 1) // _BARS))
    heights = [0] * _BARS
    for count in counts:
        heights[count // width] += 1
    scale = _BARS_HEIGHT / max(heights)
    return [(f"{_BARS_HEIGHT + 1 - scale * height:.1f}", f"{scale * height:.1f}") for height in heights]


def problems(gettext: Gettext, found: Sequence[Problem], leads: list[Lead] | None) -> str:
    """What was noticed in the file, a line each, with the first place where something was changed for it."""
    noticed = [
        (
            said := gettext(problem.sentence),
            lead(leads, said, problem.places),
            [(_cells(gettext, one.before), one.after and _cells(gettext, one.after)) for one in problem.changes[:1]],
        )
        for problem in found
    ]
    return render("problems", gettext, noticed=noticed) if noticed else ""


def first_rows(gettext: Gettext, table: Table) -> Markup:
    """How a file begins, so that one sees what stands in which column."""
    columns = table.columns[:_COLUMNS]
    rows = [[excerpt(as_text(row.get(column))) for column in columns] for row in table.rows[:_ROWS]]
    return render("first_rows", gettext, columns=[excerpt(column) for column in columns], rows=rows)


def repair_table(gettext: Gettext, repairs: Sequence[Repair], leads: list[Lead]) -> str:
    """The first rows that each repair touches, before and after, in the file's order; each leads to all of them."""
    found = [
        (change, lead(leads, gettext(repair.sentence), repair.rows, change.row))
        for repair in repairs
        for change in repair.changes
    ]
    if not found:
        return ""
    rows = [
        (
            *(change.row, link, _cells(gettext, change.before)),
            *(change.after and _cells(gettext, change.after), change.twin),
        )
        for change, link in sorted(found, key=lambda each: each[0].row)
    ]
    more = sum(len(repair.rows) for repair in repairs) - len(rows)
    return render("repairs", gettext, changes=rows, more=more)


def _cells(gettext: Gettext, cells: Sequence[str]) -> str:
    """Cells side by side, with the signs that one does not see made visible."""
    return " | ".join(_with_signs(cell) if cell else gettext("(empty)") for cell in cells or ("",))


def _with_signs(text: str) -> str:
    inner = text.strip()
    before = text[: len(text) - len(text.lstrip())]
    after = text[len(before) + len(inner) :]
    shown = _BLANK.sub("␣", before) + inner + _BLANK.sub("␣", after)
    return shown.replace("\r", "\\r").replace("\n", " ⏎ ").strip()
