"""Fine-tune, step 3: a line that tells what the run will take, found out by trying it."""

from markupsafe import Markup

from playground.errors import PlaygroundError
from playground.i18n.catalog import Gettext
from playground.training.config import TrainingConfig
from playground.training.preflight.result import PreflightResult
from playground.training.preflight.shrink import changes
from playground.ui.reports.run import duration
from playground.ui.templates import render

_GB = 1e9


def trying(gettext: Gettext) -> Markup:
    """Said with the seconds that it has taken, which the browser counts."""
    return _note(gettext, gettext("Trying it with your longest examples…"), waits=True)


def found(gettext: Gettext, tried: PreflightResult, longest_s: float | None = None) -> Markup:
    """What a trial showed: time, memory, whether it fits, and what becomes of the rows; `longest_s` is the time that a
    run may take here, if there is one."""
    free = _gigabytes(tried.free_bytes)
    if tried.peak_bytes is None:
        return _note(gettext, gettext("There is not enough memory even to try this."), warn=True)
    facts = {"time": duration(gettext, tried.seconds), "memory": _gigabytes(tried.peak_bytes), "free": free}
    if not tried.fits:
        line = gettext(
            "Tried with your longest examples: {memory} GB of memory, but only {free} GB are free. It does not fit.",
            **facts,
        )
        return _note(gettext, line, warn=True)
    fits = gettext("Tried with your longest examples: about {time} and {memory} GB of memory. It fits.", **facts)
    if longest_s is not None and tried.seconds > longest_s:
        most = duration(gettext, longest_s)
        late = gettext("A run may take {time} here: then it ends, and what it learnt is kept.", time=most)
        return _note(gettext, fits, late, warn=True)
    return _note(gettext, fits, _rows(gettext, tried))


def fitted(gettext: Gettext, before: TrainingConfig, tried: PreflightResult) -> Markup:
    """What had to change, or that nothing helps."""
    if not tried.fits:
        return _note(
            gettext,
            gettext("Even the smallest settings do not fit into the memory that is free. A smaller model would."),
            warn=True,
        )
    changed = ", ".join(f"{name} {old} → {new}" for name, old, new in changes(before, tried.values))
    return _note(
        gettext,
        gettext(
            "It fits now: about {time} and {memory} GB of memory.",
            time=duration(gettext, tried.seconds),
            memory=_gigabytes(tried.peak_bytes or 0),
        ),
        gettext("Changed: {changes}.", changes=changed) if changed else "",
    )


def estimated(gettext: Gettext, seconds: float | None) -> Markup:
    """While a run goes on nothing is tried beside it."""
    if seconds is None:
        return _note(gettext, gettext("Another run is going on, so this one is not tried now."))
    return _note(
        gettext,
        gettext(
            "Another run is going on, so this one is not tried now. As fast as your last run it would take about "
            "{time}.",
            time=duration(gettext, seconds),
        ),
    )


def refused(gettext: Gettext, error: PlaygroundError) -> Markup:
    return _note(gettext, gettext(error.sentence), warn=True)


def _rows(gettext: Gettext, tried: PreflightResult) -> str:
    cut = gettext("{count} of {rows} examples are cut off.", count=tried.num_truncated, rows=tried.num_rows)
    share = gettext("It learns to write {share} % of what it reads.", share=round(100 * tried.trained_share))
    return f"{cut} {share}" if tried.num_truncated else share


def _gigabytes(size: float) -> str:
    return f"{size / _GB:.1f}"


def _note(gettext: Gettext, line: str, below: str = "", warn: bool = False, waits: bool = False) -> Markup:
    return render("tried", gettext, line=line, below=below, warn=warn, waits=waits)
