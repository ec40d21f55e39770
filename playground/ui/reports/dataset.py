"""The small pictures of Fine-tune and Adapters, drawn as html: every text from outside is escaped here."""

import html
import re
from collections.abc import Iterable, Sequence

from playground.data.excerpts import as_text, excerpt
from playground.data.repair import Repair
from playground.data.table import Change, Problem, Table
from playground.i18n.catalog import Gettext
from playground.sentence import N_
from playground.service.datasets import ExampleLengths
from playground.training.jobs.events import MEASURING, JobState

_BARS = 12
_ROWS, _COLUMNS = 3, 8
_MIN_BARS = 3
_BLANK = re.compile(r"[^\S\r\n]")


def safe(text: object) -> str:
    """Escaped, and without lone surrogates, which would break the visitor's connection."""
    return html.escape(str(text).encode("utf-8", "replace").decode())


def title(heading: str, below: str = "", size: str = "h") -> str:
    """A heading with a quiet line under it; both are plain text."""
    line = f'<div class="quiet">{safe(below)}</div>' if below else ""
    return f'<div class="{size}">{safe(heading)}</div>{line}'


def caption(text: str) -> str:
    return f'<div class="quiet">{safe(text)}</div>'


def preview(pieces: Iterable[tuple[str, bool]]) -> str:
    """A row as the model reads it; what it learns to write is marked."""
    shown, before = "", ""
    for text, learnt in pieces:
        # Between question and answer stand signs of the model's own that are not shown: keep the two apart.
        apart = "\n" if before and not before[-1].isspace() and not text[:1].isspace() else ""
        shown += apart + (f"<mark>{safe(text)}</mark>" if learnt else safe(text))
        before = text
    return f'<div class="as-read" dir="auto">{shown.strip()}</div>'


def lengths(gettext: Gettext, fit: ExampleLengths) -> str:
    """How many examples have which length, in tokens, and what becomes of those that do not fit."""
    if not fit.counts:
        return ""
    lines = []
    if fit.cut:
        told = N_("{count} of the examples are longer than {limit} places: their ends are cut off.")
        lines.append(gettext(told, count=fit.cut, limit=fit.limit))
    if fit.lost:
        told = N_("{count} are left out, because their answers begin only after {limit} places.")
        lines.append(gettext(told, count=fit.lost, limit=fit.limit))
    if fit.texts:
        told = N_("{count} texts are longer than {limit} places: they are learnt whole, in {pieces} pieces.")
        lines.append(gettext(told, count=fit.texts, limit=fit.limit, pieces=fit.pieces))
    if not lines:
        told = N_("All fit: the longest takes {longest} of {limit} places.")
        lines.append(gettext(told, longest=max(fit.counts), limit=fit.limit))
    if len(fit.counts) < fit.total:
        lines.append(gettext("Measured on {count} of the {total} examples.", count=len(fit.counts), total=fit.total))
    drawn = "".join(caption(line) for line in lines)
    return f'<div class="quiet">{safe(gettext("Lengths"))}</div>{_bars(fit.counts)}{drawn}'


def _bars(counts: Sequence[int]) -> str:
    if len(counts) < _MIN_BARS:
        return ""
    width = max(1, -(-(max(counts) + 1) // _BARS))
    heights = [0] * _BARS
    for count in counts:
        heights[count // width] += 1
    tallest = max(heights)
    drawn = "".join(
        f'<rect x="{i * 20 + 1}" y="{44 - 43 * height / tallest:.1f}" width="18" height="{43 * height / tallest:.1f}" '
        'rx="2"/>'
        for i, height in enumerate(heights)
    )
    return f'<svg class="lengths" viewBox="0 0 240 44" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>'


def problems(gettext: Gettext, found: Sequence[Problem]) -> str:
    """What was noticed in the file, a line each, with the first place where something was changed for it."""
    lines = "".join(
        f"<li>{safe(gettext(problem.sentence))}"
        + "".join(f'<div class="change">{_change(gettext, change)}</div>' for change in problem.changes[:1])
        + "</li>"
        for problem in found
    )
    heading = f'<div class="h">{safe(gettext("Noticed in the file"))}</div>'
    return f'<div class="rule"></div>{heading}<ul class="noticed quiet">{lines}</ul>' if lines else ""


def first_rows(gettext: Gettext, table: Table) -> str:
    """How a file begins, so that one sees what stands in which column."""
    columns = table.columns[:_COLUMNS]
    head = "".join(f"<th>{safe(excerpt(column))}</th>" for column in columns)
    cells = ([excerpt(as_text(row.get(column))) for column in columns] for row in table.rows[:_ROWS])
    rows = "".join(f"<tr>{''.join(f'<td dir=auto>{safe(cell)}</td>' for cell in row)}</tr>" for row in cells)
    heading = f'<div class="h">{safe(gettext("How the file begins"))}</div>'
    drawn = f'<table class="tbl begins"><tr>{head}</tr>{rows}</table>'
    return f'<div class="rule"></div>{heading}<div class="sideways">{drawn}</div>'


def _change(gettext: Gettext, change: Change) -> str:
    after = _cells(gettext, change.after) if change.after else gettext("left out")
    return f"<span dir=auto>{safe(_cells(gettext, change.before))}</span> → <span dir=auto>{safe(after)}</span>"


def repair_table(gettext: Gettext, repairs: Sequence[Repair]) -> str:
    """The first rows that each repair touches, before and after, in the file's order."""
    changes = sorted((change for repair in repairs for change in repair.changes), key=lambda change: change.row)
    if not changes:
        return ""
    rows = "".join(
        f"<tr><td>{change.row}</td><td dir=auto>{safe(_cells(gettext, change.before))}</td>"
        f"{_after(gettext, change)}</tr>"
        for change in changes
    )
    more = sum(len(repair.rows) for repair in repairs) - len(changes)
    rest = caption(gettext("and {count} more", count=more)) if more else ""
    head = "".join(f"<th>{safe(gettext(word))}</th>" for word in (N_("Row"), N_("Before"), N_("After")))
    heading = f'<div class="h">{safe(gettext("What the repairs change"))}</div>'
    return f'<div class="rule"></div>{heading}<table class="tbl repairs"><tr>{head}</tr>{rows}</table>{rest}'


def _after(gettext: Gettext, change: Change) -> str:
    if change.after:
        return f"<td dir=auto>{safe(_cells(gettext, change.after))}</td>"
    left_out = gettext("left out, same as row {row}", row=change.twin) if change.twin else gettext("left out")
    return f"<td>{caption(left_out)}</td>"


def _cells(gettext: Gettext, cells: Sequence[str]) -> str:
    """Cells side by side, with the signs that one does not see made visible."""
    return " | ".join(_with_signs(cell) if cell else gettext("(empty)") for cell in cells or ("",))


def _with_signs(text: str) -> str:
    inner = text.strip()
    before = text[: len(text) - len(text.lstrip())]
    after = text[len(before) + len(inner) :]
    shown = _BLANK.sub("␣", before) + inner + _BLANK.sub("␣", after)
    return shown.replace("\r", "\\r").replace("\n", " ⏎ ").strip()


def progress(gettext: Gettext, state: JobState) -> str:
    """Percent, bar, step and time left of a run; before its first step, what it waits for."""
    step, total = state["step"], state["total_steps"]
    percent = min(100, 100 * step // total) if total else 0
    if state["state"] == "waiting":
        line = gettext("Waiting for its turn: another run comes first.")
    elif not total:
        line = gettext("Getting ready. This takes some seconds.")
    elif state["template"] == MEASURING:
        percent, line = 100, gettext("Asking it what it learnt. This takes about a quarter of a minute.")
    elif state["eta_s"] is None or step >= total:
        line = gettext("Step {step} of {total}", step=step, total=total)
    else:
        left = duration(gettext, state["eta_s"])
        line = gettext("Step {step} of {total}, about {left} left", step=step, total=total, left=left)
    return (
        f'<div class="big">{percent} %</div><div class="track" role="progressbar" aria-valuenow="{percent}">'
        f'<i style="width:{percent}%"></i></div>{caption(line)}'
    )


def duration(gettext: Gettext, seconds: float) -> str:
    """A time to wait, rounded as a person would say it."""
    if seconds < 1:
        return gettext("1 second")
    if seconds < 90:
        return gettext("{count} seconds", count=round(seconds))
    return gettext("{count} minutes", count=round(seconds / 60))


def tile(label: str, now: str, before: str = "", after: str = "") -> str:
    """A figure with, where there is one, what it was before."""
    was = f"<s>{safe(before)} →</s>" if before else ""
    unit = f' <span class="quiet">{safe(after)}</span>' if after else ""
    return f'<div class="tile"><div class="quiet">{safe(label)}</div>{was}<strong>{safe(now)}</strong>{unit}</div>'


def tiles(*drawn: str) -> str:
    return f'<div class="tiles">{"".join(drawn)}</div>' if drawn else ""


def answers_table(gettext: Gettext, name: str, rows: Iterable[tuple[str, ...]], asked_as: str = "Question") -> str:
    """(question, the base model's answer, the adapter's answer) side by side; a fourth is the wanted answer."""
    head = (
        f'<tr><th>{safe(gettext(asked_as))}</th><th><span class="dot">{safe(gettext("Base model"))}</span></th>'
        f'<th><span class="dot mine">{safe(name)}</span></th></tr>'
    )
    body = "".join(
        f"<tr><td dir=auto><div class=asked>{safe(asked)}</div>{_wanted(gettext, wanted)}</td>"
        f"{_answer(gettext('Base model'), '', base)}{_answer(name, 'mine', adapter)}</tr>"
        for asked, base, adapter, *wanted in rows
    )
    return f'<table class="tbl answers">{head}{body}</table>'


def _answer(who: str, dot: str, text: str) -> str:
    """A cell that says itself whose it is: on a phone, where answers stand below each other, there is no heading."""
    return f'<td dir=auto class="{dot}" data-who="{safe(who)}">{safe(text)}</td>'


def strip(
    gettext: Gettext, questions: Sequence[str], columns: Sequence[tuple[int, Sequence[str]]], kept: int | None = None
) -> str:
    """The watched questions with what was answered at each step; step 0 is the base model.

    While it learns the newest answers are in view and marked; of an adapter, those of the step that it `kept`.
    """
    if not columns:
        return ""
    steps = [step for step, _ in columns]
    marked = (steps[-1] or None) if kept is None else kept
    head = "".join(f"<th{_mark(step, marked)}>{_column(gettext, step, kept)}</th>" for step in steps)
    body = "".join(
        f"<tr><td><b>{safe(question)}</b></td>"
        + "".join(
            f"<td dir=auto{_mark(step, marked)}>{_clipped(cell)}</td>" for step, cell in zip(steps, cells, strict=False)
        )
        + "</tr>"
        for question, *cells in zip(questions, *(answers for _, answers in columns), strict=False)
    )
    table = f'<table class="tbl strip" style="--n:{len(steps)}"><tr><th></th>{head}</tr>{body}</table>'
    view = "sideways newest" if kept is None else "sideways"
    return f'<div class="rule"></div>{title(gettext("Watch it learn"))}<div class="{view}">{table}</div>'


def _column(gettext: Gettext, step: int, kept: int | None) -> str:
    if step == 0:
        return f'<span class="dot">{safe(gettext("Base model"))}</span>'
    name = gettext("Step {step}, this one", step=step) if step == kept else gettext("Step {step}", step=step)
    return f'<span class="dot mine">{safe(name)}</span>'


def _mark(step: int, marked: int | None) -> str:
    return " class=marked-step" if step == marked else ""


def _clipped(text: str) -> str:
    """A long answer scrolls in its cell, so that it does not push the next question away."""
    return f"<div>{safe(text)}</div>"


def _wanted(gettext: Gettext, wanted: Sequence[str]) -> str:
    return "".join(caption(gettext("Yours: {answer}", answer=answer)) for answer in wanted if answer)


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """A table of what is known: a name and a value on each row; rows without a value are left out."""
    drawn = "".join(
        f'<tr><td class="quiet">{safe(name)}</td><td>{safe(value)}</td></tr>' for name, value in rows if value
    )
    return f'<table class="tbl facts-table">{drawn}</table>'
