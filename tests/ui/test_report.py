"""An adapter's report is shown as it was measured, in the visitor's language, and nothing in it becomes html."""

from functools import partial

from playground.i18n.catalog import CHINESE, ENGLISH, gettext
from playground.ui.reports import report, run

EVIL = '<img src=x onerror=alert(1)>" onclick="alert(1)\ud800'
MEASURE = {"name": "accuracy", "base": 10.0, "adapter": 90.0, "low": 60.0, "high": 100.0, "rows": 10}
ROW = {"row": 1, "asked": EVIL, "wanted": EVIL, "base": EVIL, "adapter": EVIL, "gain": 1.0}
REPORT = {
    "verdict": [
        {"template": "It got worse at {one} and at {other}.", "fields": {"one": "translating", "other": "summarizing"}}
    ],
    "measures": [MEASURE],
    "confusion": {"labels": [EVIL, "other"], "base": [[3, 4], [0, 0]], "adapter": [[7, 0], [0, 0]]},
    "rows": [ROW] * 6,
    "skills": [
        {"task": "translate", "measure": "chrF", "base": 31.0, "adapter": 26.0, "rows": 12, "worse": True},
        {"task": "answer", "measure": "F1", "base": 51.0, "adapter": 50.0, "rows": 12, "worse": False},
    ],
}
english, chinese = partial(gettext, ENGLISH), partial(gettext, CHINESE)


def test_the_report_is_shown_as_measured() -> None:
    assert report.words(REPORT, english) == "It got worse at translating and at summarizing."
    told = report.words(REPORT, chinese)
    assert "翻译" in told and "translating" not in told
    tiles = report.tiles(REPORT, english)
    assert "1 →" in tiles and ">9<" in tiles and "of 10; +8 ± 2" in tiles and "of 2" in tiles
    assert report.others(REPORT, english).count('class="lost"') == 1
    assert "<b>7</b>" in report.behind(REPORT, "x", english)  # right answers stand out


def test_a_lower_perplexity_is_said_to_be_better() -> None:
    """Without that, 2.8 before and 3.1 now reads as a gain."""
    stories = {"task": "generate", "measure": "perplexity", "base": 2.8, "adapter": 3.1, "rows": 12, "worse": True}
    assert "lower is better" in report.others({"skills": [stories]}, english)
    assert "越低越好" in report.others({"skills": [stories]}, chinese)


def test_nothing_from_outside_becomes_html() -> None:
    drawn = report.behind(REPORT, EVIL, english) + report.answers(REPORT, EVIL, english)
    drawn += run.probes(english, [EVIL], [(0, [EVIL]), (8, [EVIL])])
    assert "<img" not in drawn and 'onclick="' not in drawn
    drawn.encode()
    assert "Base model" in drawn and "Step 8" in drawn


def test_an_adapter_without_a_report_shows_nothing() -> None:
    assert report.words({}, english) + report.tiles({}, english) + report.others({}, english) == ""
    assert report.behind({}, "x", english) + report.answers({}, "x", english) == ""
    assert report.behind({}, "x", english) + run.probes(english, ["Who?"], []) == ""


def test_figures_of_texts_are_not_shown_as_answers() -> None:
    """A perplexity beside a text means nothing by itself: it is named, and rounded as far as it says something."""
    found = {"name": "perplexity", "base": 185.8, "adapter": 130.3, "low": -75.0, "high": -34.0, "rows": 20}
    row = {"row": 1, "asked": "Once.", "wanted": "", "base": "359.5", "adapter": "233.4", "gain": 126.1}
    figures = {"measures": [found], "rows": [row]}
    drawn = report.answers(figures, "x", english)
    assert "Question" not in drawn and "perplexity, lower is better" in drawn
    tile = report.tiles(figures, english)
    assert "186 →" in tile and ">130<" in tile and "\u221256\u00a0±\u00a020" in tile
