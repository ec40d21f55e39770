"""What is known of one adapter, in words and figures that were measured."""

from datetime import datetime

from playground.adapters.check import WEIGHTS
from playground.adapters.info import AdapterCard
from playground.errors import InputError
from playground.service.datasets import origin
from playground.service.services import Services
from playground.ui.reports import dataset as teach_html
from playground.ui.reports import report as report_html
from playground.ui.reports import verdict as verdict_html
from playground.ui.reports.dataset import Say


def line(card: AdapterCard) -> str:
    """The adapter in the list: its name and the day it was made."""
    return f"{card.name}  ·  {_time(card)[:10]}"


def title(card: AdapterCard) -> str:
    return f'<div class="big dot mine">{teach_html.safe(card.name)}</div>'


def page(services: Services, owner: str, card: AdapterCard, say: Say) -> str:
    """Verdict, tiles and facts, as html."""
    taught = not card.source.get("imported") and bool(card.source)
    facts = {**card.source, **card.metrics}
    line = report_html.words(card.report, say) or (verdict_html.words(facts, say)[1] if taught else "")
    verdict = f'<p class="verdict">{teach_html.safe(line)}</p>' if line else ""
    rows = [(say("Taught") if taught else say("Imported"), _time(card)), (say("From"), _file(services, owner, card))]
    rows.append((say("For"), card.base_model))
    rows += verdict_html.how_taught(card.source, say)
    rows.append((say("Settings"), verdict_html.settings(card.source)))
    rows.append((say("Size"), _size(card, say)))
    rows.append((say("Proof of the switch"), _proof(card, say)))
    drawn = report_html.tiles(card.report, say) or verdict_html.tiles(facts, say)
    below = report_html.answers(card.report, card.name, say) + report_html.others(card.report, say)
    return verdict + drawn + teach_html.facts(rows) + below + report_html.behind(card.report, card.name, say)


def _time(card: AdapterCard) -> str:
    return datetime.fromisoformat(card.created).strftime("%Y-%m-%d %H:%M UTC")


def _file(services: Services, owner: str, card: AdapterCard) -> str:
    """The file that it was taught from; "" where that is not known (any more)."""
    try:
        known = origin(services.jobs.job(owner, card.source.get("job_id")))
    except InputError:  # imported, or somebody else's
        return ""
    return known.file_name if known else ""


def _size(card: AdapterCard, say: Say) -> str:
    megabytes = (card.folder / WEIGHTS).stat().st_size / 1e6
    return say("{size} MB", size=f"{megabytes:.1f}")


def _proof(card: AdapterCard, say: Say) -> str:
    if card.receipt is None:
        return say("not switched on yet")
    if not card.receipt.base_unchanged:
        return say("Switched off, the model was not as before.")
    return say(
        "on: choices move by up to {change} points · off: as before, bit for bit",
        change=f"{card.receipt.largest_change:.1f}",
    )
