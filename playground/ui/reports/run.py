"""A training run while it goes on: how far it is, and what it answered at each step."""

from collections.abc import Sequence

from markupsafe import Markup

from playground.i18n.catalog import Gettext
from playground.sentence import Sentence
from playground.training.jobs.events import FINISHED
from playground.training.jobs.state import MEASURING, JobState
from playground.ui.templates import render


def progress(gettext: Gettext, state: JobState, now: float) -> Markup:
    """Percent, bar, step and time left of a run; while there is none, what it does and for how long already."""
    step, total = state["step"], state["total_steps"]
    percent = min(100, 100 * step // total) if total else 0
    waits: float | None = max(0.0, now - state["since"])
    if state["state"] == "waiting":
        line = gettext("Waiting for its turn: another run comes first.")
    elif not total:
        line = gettext(Sentence.from_plain(state)) if state["template"] else gettext("Getting ready…")
    elif state["template"] == MEASURING:
        percent, line = 100, gettext(MEASURING)
    elif state["eta_s"] is None or step >= total:
        line, waits = gettext("Step {step} of {total}", step=step, total=total), None
    else:
        waits = None
        left = duration(gettext, state["eta_s"])
        line = gettext("Step {step} of {total}, about {left} left", step=step, total=total, left=left)
    ended = state["state"] in FINISHED
    shown = None if ended else waits
    return render("progress", gettext, percent=percent, line=line, waits=shown, name=state["name"], ended=ended)


def duration(gettext: Gettext, seconds: float) -> str:
    """A time to wait, rounded as a person would say it."""
    if round(seconds) <= 1:
        return gettext("1 second")
    if seconds < 10:
        return gettext("{count} seconds", count=round(seconds))
    if seconds < 52.5:
        return gettext("{count} seconds", count=5 * round(seconds / 5))
    if seconds < 90:
        return gettext("1 minute")
    return gettext("{count} minutes", count=round(seconds / 60))


def probes(
    gettext: Gettext, questions: Sequence[str], columns: Sequence[tuple[int, Sequence[str]]], kept: int | None = None
) -> str:
    """The watched questions with what was answered at each step; step 0 is the base model.

    While it learns the newest answers are in view and marked; of an adapter, those of the step that it `kept`.
    """
    if not columns:
        return ""
    steps = [step for step, _ in columns]
    rows = [
        (question, list(zip(steps, cells, strict=False)))
        for question, *cells in zip(questions, *(answers for _, answers in columns), strict=False)
    ]
    marked = (steps[-1] or None) if kept is None else kept
    return render("probes", gettext, steps=steps, rows=rows, kept=kept, marked=marked)
