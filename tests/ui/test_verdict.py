"""The heading over a result says what was measured, and what may help where nothing was gained."""

from functools import partial
from pathlib import Path

import pytest

from playground.adapters.info import AdapterInfo
from playground.evaluation.verdict import UNMEASURED
from playground.i18n.catalog import CHINESE, ENGLISH, gettext
from playground.ui.reports import verdict

english = partial(gettext, ENGLISH)
BETTER, WORSE, NEITHER = ({"better": up, "worse": down} for up, down in ((True, False), (False, True), (False, False)))


def card(**measure: object) -> AdapterInfo:
    found = {"name": "perplexity", "base": 9.0, "adapter": 8.0, "low": -2.0, "high": 1.0, "rows": 20, **measure}
    said = [{"template": "It got worse at translating.", "fields": {}}]
    return with_report({"verdict": said, "measures": [found], "skills": []})


def with_report(report: dict[str, object]) -> AdapterInfo:
    return AdapterInfo(
        id="a-1",
        name="x",
        folder=Path(),
        base_model="tiny",
        base_fingerprint="",
        created="2026-01-01T00:00:00+00:00",
        visibility="private",
        metrics={},
        source={},
        report=report,
    )


@pytest.mark.parametrize(
    ("judged", "heading"),
    [
        (BETTER, verdict.LEARNT),
        (WORSE, verdict.WORSE),
        (NEITHER, verdict.NO_GAIN),
        ({**NEITHER, "rows": 3}, verdict.STUDIED),
    ],
)
def test_the_heading_is_what_was_measured(judged: dict[str, object], heading: str) -> None:
    drawn = verdict.verdict(card(**judged), {}, english)
    assert f">{heading}<" in drawn
    advice = verdict.ADVICE.get(heading)
    assert advice is None or advice in drawn
    assert verdict.verdict(card(**judged), {}, partial(gettext, CHINESE)).count(heading) == 0


def test_without_rows_set_aside_no_step_is_called_the_best_and_losses_are_told() -> None:
    facts = {"rows": 8, "held_out_rows": 0, "steps": 20, "best_step": 20}
    assert ("Steps", "20") in verdict.how_taught(facts, english)
    assert ("Steps", "20, the best was 12") in verdict.how_taught(
        {**facts, "held_out_rows": 4, "best_step": 12}, english
    )
    told = [{"template": UNMEASURED, "fields": {}}, {"template": "It got worse at translating.", "fields": {}}]
    unmeasured = with_report({"verdict": told, "measures": []})
    drawn = verdict.verdict(unmeasured, facts, english)
    assert verdict.STUDIED in drawn and "It got worse at translating." in drawn
