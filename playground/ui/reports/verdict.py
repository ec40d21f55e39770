"""What a training was worth, in words, in tiles, and how it was taught, drawn as html."""

from typing import Any

from markupsafe import Markup

from playground.adapters.info import AdapterInfo
from playground.evaluation.verdict import UNMEASURED
from playground.i18n.catalog import Gettext
from playground.metrics.bootstrap import MIN_PAIRED_ROWS
from playground.sentence import N_
from playground.ui.components import snippets
from playground.ui.reports import report
from playground.ui.reports.run import duration
from playground.ui.templates import render

BARELY = 0.98
"""A held-out loss that stays above this share of what it was counts as hardly changed."""
LEARNT, NO_GAIN, WORSE, STUDIED = (
    N_("It learnt from your examples."),
    N_("It has not clearly gained yet."),
    N_("It got worse."),
    N_("It has studied."),
)
ADVICE = {
    STUDIED: N_("With 30 examples or more, progress can be measured."),
    NO_GAIN: N_("More examples, or harder study, may help."),
    WORSE: N_("Check that your examples are right, or let it study less hard. The base model is as it was."),
}


def proof(card: AdapterInfo, gettext: Gettext) -> str:
    """What the receipt of the swap says; nothing where there is none."""
    if card.receipt is None:
        return ""
    return render("proof", gettext, receipt=card.receipt, change=f"{card.receipt.max_logit_change:.1f}")


def how_taught(facts: dict[str, Any], gettext: Gettext) -> list[tuple[str, str]]:
    """(name, value) of what a run reported of itself."""
    rows = [
        (gettext("Examples"), str(facts.get("rows", ""))),
        (gettext("Set aside"), str(facts.get("held_out_rows", ""))),
    ]
    if facts.get("steps"):
        steps = str(facts["steps"])
        if facts.get("held_out_rows"):  # else nothing tells which was the best
            best = facts.get("best_step", facts["steps"])
            steps = gettext("{count}, the best was {best}", count=facts["steps"], best=best)
        rows.append((gettext("Steps"), steps))
    if facts.get("seconds"):
        rows.append((gettext("Time"), duration(gettext, facts["seconds"])))
    return rows


def settings(facts: dict[str, Any]) -> str:
    """The values that it was taught with, by their own names; "" where they are not known."""
    values = "r {r}, lora_alpha {lora_alpha:g}, learning_rate {learning_rate:g}, epochs {epochs:g}"
    return values.format(**facts["settings"]) if facts.get("settings") else ""


def tiles(facts: dict[str, Any], gettext: Gettext) -> Markup:
    """The measured figures of a run: how far off it was and is on examples that it never saw."""
    before, after = facts.get("held_out_loss_before"), facts.get("held_out_loss_after")
    drawn = []
    if before is not None and after is not None:
        drawn.append(snippets.tile(gettext("How far off it is"), f"{after:.2f}", f"{before:.2f}"))
    if facts.get("rows"):
        drawn.append(snippets.tile(gettext("Examples learnt from"), str(facts["rows"])))
    if facts.get("seconds"):
        drawn.append(snippets.tile(gettext("Time"), duration(gettext, facts["seconds"])))
    return snippets.tiles(*drawn)


def words(facts: dict[str, Any], gettext: Gettext) -> tuple[str, str]:
    """(verdict, the sentences that it rests on), from held-out examples and nothing else."""
    before, after = facts.get("held_out_loss_before"), facts.get("held_out_loss_after")
    if before is None or after is None:
        return gettext(STUDIED), f"{gettext(UNMEASURED)} {gettext(ADVICE[STUDIED])}"
    fields = {"count": facts.get("held_out_rows", 0), "before": f"{before:.2f}", "after": f"{after:.2f}"}
    if after < before * BARELY:
        line = N_(
            "On the {count} examples that it never saw, it was off by {before}; now it is {after}. Lower is better."
        )
        return gettext(LEARNT), gettext(line, **fields)
    line = N_(
        "On the {count} examples that it never saw, it was off by {before} and is now by {after}. Bring more examples, "
        "or let it study harder."
    )
    return gettext(NO_GAIN), gettext(line, **fields)


def verdict(card: AdapterInfo, facts: dict[str, Any], gettext: Gettext) -> Markup:
    """A heading, the sentences that it rests on, what may help where nothing was gained, and tiles."""
    heading, line = words(facts, gettext)
    if card.report.get("verdict"):
        found = _heading(card.report)
        heading, line = gettext(found), report.words(card.report, gettext)
        if found in ADVICE:
            line = f"{line} {gettext(ADVICE[found])}"
    drawn = report.tiles(card.report, gettext) or tiles(facts, gettext)
    return render("verdict", gettext, heading=heading, line=line, tiles=drawn)


def _heading(measured: dict[str, Any]) -> str:
    """Whether the first measure gained more than chance would, lost more, or neither."""
    measure = next(iter(measured.get("measures", ())), None)
    if measure is None or measure["rows"] < MIN_PAIRED_ROWS:
        return STUDIED
    return LEARNT if measure.get("better") else WORSE if measure.get("worse") else NO_GAIN
