"""The heading over a result says what was measured, and what may help where nothing was gained."""

from functools import partial
from pathlib import Path

import pytest

from playground.adapters.card import AdapterCard
from playground.ui import verdict_html
from playground.ui.texts import CHINESE, ENGLISH, ZH, say

english = partial(say, ENGLISH)
BETTER, WORSE, NEITHER = ({"better": up, "worse": down} for up, down in ((True, False), (False, True), (False, False)))


def card(**measure: object) -> AdapterCard:
    found = {"name": "perplexity", "base": 9.0, "adapter": 8.0, "low": -2.0, "high": 1.0, "rows": 20, **measure}
    report = {"verdict": [], "measures": [found], "skills": []}
    return AdapterCard("a-1", "x", Path(), "Starter", "", "2026-01-01T00:00:00+00:00", report=report)


@pytest.mark.parametrize(
    ("judged", "heading"),
    [
        (BETTER, verdict_html.LEARNT),
        (WORSE, verdict_html.WORSE),
        (NEITHER, verdict_html.NO_GAIN),
        ({**NEITHER, "rows": 3}, verdict_html.STUDIED),
    ],
)
def test_the_heading_is_what_was_measured(judged: dict[str, object], heading: str) -> None:
    drawn = verdict_html.verdict(card(**judged), {}, english)
    assert f">{heading}<" in drawn
    advice = verdict_html.ADVICE.get(heading)
    assert advice is None or advice in drawn
    assert verdict_html.verdict(card(**judged), {}, partial(say, CHINESE)).count(heading) == 0


def test_every_piece_of_advice_is_there_in_chinese() -> None:
    assert [line for line in verdict_html.ADVICE.values() if line not in ZH] == []
