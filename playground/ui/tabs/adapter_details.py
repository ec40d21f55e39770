"""What is known of one adapter, in words and figures that were measured."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from playground.adapters.check import WEIGHTS
from playground.adapters.info import AdapterInfo
from playground.errors import InputError
from playground.i18n.catalog import Gettext
from playground.service.services import Services
from playground.tasks.registry import all_tasks
from playground.ui.components import snippets
from playground.ui.local_time import local_time
from playground.ui.reports import report, verdict
from playground.ui.templates import render


def line(services: Services, card: AdapterInfo, headers: Mapping[str, str], gettext: Gettext) -> str:
    """The adapter in the list: its name, when it was made, its score, and its model where another one is loaded."""
    when = gettext("built in") if card.task else local_time(headers, card.created)
    told = card.name, when, scored(card.metrics), _foreign(services, card, gettext)
    return "  ·  ".join(filter(None, told))


def scored(metrics: Mapping[str, Any]) -> str:
    """The main measure before and after; "" where it was not taken."""
    if "score_after" not in metrics:
        return ""
    return "{score_before:.1f} → {score_after:.1f} {measure}".format(**metrics)


def title(services: Services, card: AdapterInfo, gettext: Gettext) -> Markup:
    return snippets.title(card.name, _foreign(services, card, gettext), "big dot mine")


def page(services: Services, owner: str, card: AdapterInfo, headers: Mapping[str, str], gettext: Gettext) -> Markup:
    """Verdict, tiles and facts, as html."""
    taught = not card.source.get("imported") and bool(card.source)
    known = {**card.source, **card.metrics}
    line = report.words(card.report, gettext) or (verdict.words(known, gettext)[1] if taught else "")
    if card.task:
        tab = gettext(all_tasks()[card.task].title)
        line = gettext(
            "It comes with {model} and is part of its base model on the page {tab}.", model=card.base_model, tab=tab
        )
    facts = [
        (gettext("Taught") if taught else gettext("Imported"), local_time(headers, card.created)),
        (gettext("From"), _file(services, owner, card)),
        (gettext("For"), card.base_model),
        *verdict.how_taught(card.source, gettext),
        (gettext("Settings"), verdict.settings(card.source)),
        (gettext("Size"), _size(card, gettext)),
        (gettext("Proof of the switch"), _proof(card, gettext)),
    ]
    return render(
        "adapter",
        gettext,
        verdict=line,
        tiles=_scores(card, gettext)
        if card.task
        else report.tiles(card.report, gettext) or verdict.tiles(known, gettext),
        facts=facts,
        answers=report.answers(card.report, card.name, gettext),
        other_skills=report.others(card.report, gettext),
        figures=report.behind(card.report, card.name, gettext),
    )


def _scores(card: AdapterInfo, gettext: Gettext) -> Markup:
    """The leading measure of each benchmark that a built-in skill was measured on, with the plain model's."""
    leading: dict[str, Markup] = {}
    scores: Any = card.source.get("scores", ())
    for title, rows, measure, plain, skill in scores:
        told = gettext("{measure}, on {count} rows", measure=measure, count=rows)
        leading.setdefault(title, snippets.tile(title, f"{skill:.1f}", f"{plain:.1f}", told))
    return snippets.tiles(*leading.values())


def _foreign(services: Services, card: AdapterInfo, gettext: Gettext) -> str:
    return "" if services.adapters.fits(card) else gettext("for another model: {name}", name=card.base_model or "?")


def _file(services: Services, owner: str, card: AdapterInfo) -> str:
    """The file that it was taught from; "" where that is not known (any more)."""
    try:
        known = services.finetuning.source(owner, card.source.get("job_id"))
    except InputError:  # imported, or somebody else's
        return ""
    return known.file_name if known else ""


def _size(card: AdapterInfo, gettext: Gettext) -> str:
    megabytes = (card.folder / WEIGHTS).stat().st_size / 1e6
    return gettext("{size} MB", size=f"{megabytes:.1f}")


def _proof(card: AdapterInfo, gettext: Gettext) -> str:
    if card.receipt is None:
        return gettext("not switched on yet")
    if not card.receipt.base_unchanged:
        return gettext("Switched off, the model was not as before.")
    return gettext(
        "on: choices move by up to {change} points · off: as before, bit for bit",
        change=f"{card.receipt.max_logit_change:.1f}",
    )
