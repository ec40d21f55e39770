"""Fine-tune, step 3: a line that tells what the run will take, found out by trying it."""

from playground.errors import PlaygroundError
from playground.i18n.catalog import Gettext
from playground.training.preflight.client import PreflightResult
from playground.training.preflight.shrink import changes
from playground.training.spec import TrainingConfig
from playground.ui.reports import dataset as teach_html
from playground.ui.reports.dataset import duration

_GB = 1e9


def trying(gettext: Gettext) -> str:
    return _note(gettext("Trying it with your longest examples…"))


def found(gettext: Gettext, tried: PreflightResult, longest_s: float | None = None) -> str:
    """What a trial showed: time, memory, whether it fits, and what becomes of the rows; `longest_s` is the time that a
    run may take here, if there is one."""
    free = _gigabytes(tried.free_bytes)
    if tried.peak_bytes is None:
        return _note(gettext("There is not enough memory even to try this."), warn=True)
    facts = {"time": duration(gettext, tried.seconds), "memory": _gigabytes(tried.peak_bytes), "free": free}
    if not tried.fits:
        line = gettext(
            "Tried with your longest examples: {memory} GB of memory, but only {free} GB are free. It does not fit.",
            **facts,
        )
        return _note(line, warn=True)
    fits = gettext("Tried with your longest examples: about {time} and {memory} GB of memory. It fits.", **facts)
    if longest_s is not None and tried.seconds > longest_s:
        most = duration(gettext, longest_s)
        late = gettext("A run may take {time} here: then it ends, and what it learnt is kept.", time=most)
        return _note(fits, late, warn=True)
    return _note(fits, _rows(gettext, tried))


def fitted(gettext: Gettext, before: TrainingConfig, tried: PreflightResult) -> str:
    """What had to change, or that nothing helps."""
    if not tried.fits:
        return _note(
            gettext("Even the smallest settings do not fit into the memory that is free. A smaller model would."),
            warn=True,
        )
    changed = ", ".join(f"{name} {old} → {new}" for name, old, new in changes(before, tried.values))
    return _note(
        gettext(
            "It fits now: about {time} and {memory} GB of memory.",
            time=duration(gettext, tried.seconds),
            memory=_gigabytes(tried.peak_bytes or 0),
        ),
        gettext("Changed: {changes}.", changes=changed) if changed else "",
    )


def estimated(gettext: Gettext, seconds: float | None) -> str:
    """While a run goes on nothing is tried beside it."""
    if seconds is None:
        return _note(gettext("Another run is going on, so this one is not tried now."))
    return _note(
        gettext(
            "Another run is going on, so this one is not tried now. As fast as your last run it would take about "
            "{time}.",
            time=duration(gettext, seconds),
        )
    )


def refused(gettext: Gettext, error: PlaygroundError) -> str:
    return _note(gettext(error.sentence), warn=True)


def _rows(gettext: Gettext, tried: PreflightResult) -> str:
    cut = gettext("{count} of {rows} examples are cut off.", count=tried.truncated, rows=tried.rows)
    share = gettext("It learns to write {share} % of what it reads.", share=round(100 * tried.learnt_share))
    return f"{cut} {share}" if tried.truncated else share


def _gigabytes(size: float) -> str:
    return f"{size / _GB:.1f}"


def _note(line: str, below: str = "", warn: bool = False) -> str:
    second = f"<br>{teach_html.safe(below)}" if below else ""
    kind = "warn" if warn else "note quiet"
    return f'<div class="{kind} tried">{teach_html.safe(line)}{second}</div>'
