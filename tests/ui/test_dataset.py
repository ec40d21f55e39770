"""The small pictures of Fine-tune: what comes from outside is escaped, and figures are those given."""

from functools import partial

import pytest

from playground.data.repair import Repair
from playground.data.table import Change, Problem
from playground.i18n.catalog import CHINESE, ENGLISH, gettext
from playground.sentence import Sentence
from playground.service.datasets import ExampleLengths as Fit
from playground.training.jobs.state import JobState
from playground.ui.components import snippets
from playground.ui.reports import dataset, report, run

EVIL = '<img src=x onerror=alert(1)>" onclick="alert(1)\ud800'
english = partial(gettext, ENGLISH)
NOW = 1_000_000.0


def state(**known: object) -> JobState:
    base = {
        "state": "training",
        "step": 0,
        "total_steps": 0,
        "eta_s": None,
        "template": "",
        "losses": [],
        "eval_losses": [],
        "name": "Duck",
        "fields": {},
        "since": NOW,
    }
    return {**base, **known}  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    "drawn",
    [
        snippets.title(EVIL, EVIL),
        dataset.preview(english, [(EVIL, True), (EVIL, False)]),
        report.answers_table(english, EVIL, EVIL, [(EVIL, EVIL, EVIL, EVIL)]),
        snippets.facts([(EVIL, EVIL)]),
        snippets.tile(EVIL, EVIL, EVIL, EVIL),
        dataset.repair_table(
            english, [Repair("spaces", (1,), Sentence("{count}", count=1), (Change(1, (EVIL,), (EVIL,)),))], []
        ),
        dataset.problems(english, [Problem(Sentence("{name}", name=EVIL), 1, (Change(1, (EVIL,), (EVIL,)),))], []),
    ],
)
def test_nothing_from_outside_becomes_html(drawn: str) -> None:
    """A visitor's text is shown as text, and half a Unicode pair cannot break the page's connection."""
    assert "<img" not in drawn
    assert 'onclick="' not in drawn
    drawn.encode()


def test_question_and_answer_stand_apart() -> None:
    """The signs of the model's own between them are not shown, but the two words do not become one."""
    assert "Who?\n<mark>Me.</mark>\nWhere?" in dataset.preview(
        english, [("Who?", False), ("Me.", True), ("Where?", False)]
    )
    assert "user\n<mark>Me" in dataset.preview(english, [("user\n", False), ("Me", True)])


def test_progress_says_what_is_known() -> None:
    """Percent, steps and time left come from the run; before the first step nothing is claimed."""
    shown = run.progress(english, state(step=84, total_steps=150, eta_s=28.2), NOW)
    assert "56 %" in shown
    assert "Step 84 of 150, about 30 seconds left" in shown
    assert 'class="since"' not in shown
    assert "Getting ready" in run.progress(english, state(state="starting"), NOW)
    assert "turn" in run.progress(english, state(state="waiting"), NOW)
    loading = run.progress(english, state(state="starting", template="Loading the model…", since=NOW - 70), NOW)
    assert "Loading the model…" in loading and 'data-elapsed="70"' in loading


def test_lengths_say_what_does_not_fit() -> None:
    """Each way of not fitting is told with its number, and so is that only some examples were measured."""
    leads: list[dataset.Lead] = []
    told = dataset.lengths(english, Fit([3, 12, 40], 10, 3, cut=(3,), lost=(2,)), leads)
    assert "1 of the examples are longer than 10" in told
    assert "1 are left out" in told
    assert [lead.rows for lead in leads] == [(3,), (2,)]
    assert 'data-lead="1" data-row="2"' in told
    assert "Measured" not in told
    assert "learnt whole, in 7 pieces" in dataset.lengths(english, Fit([3, 60], 10, 2, texts=(2,), pieces=7), [])
    told = dataset.lengths(english, Fit([3, 9, 4], 10, 800), [])
    assert "All fit: the longest takes 9 of 10" in told
    assert "Measured on 3 of the 800 examples." in told
    assert dataset.lengths(english, Fit([], 10, 0), []) == ""


def test_repairs_are_shown_in_the_files_order() -> None:
    """A few rows of each repair, what one does not see made visible, and how many more there are."""
    trim = Repair(
        "outer_spaces", (2, 9, 11), Sentence("Spaces"), (Change(2, (" a ",), ("a",)), Change(9, ("b\r\n",), ("b",)))
    )
    double = Repair("duplicates", (5,), Sentence("Doubles"), (Change(5, ("c", "d"), twin=3),))
    leads: list[dataset.Lead] = []
    drawn = dataset.repair_table(english, [trim, double], leads)
    assert [drawn.index(text) for text in ("␣a␣", "c | d", "b\\r ⏎")] == sorted(
        drawn.index(text) for text in ("␣a␣", "c | d", "b\\r ⏎")
    )
    assert "left out, same as row 3" in drawn
    assert "and 1 more" in drawn
    assert [lead.rows for lead in leads] == [(2, 9, 11), (5,)]
    assert 'data-lead="0" data-row="9">9<' in drawn  # each row leads to itself, and on to the others of its repair


def test_words_follow_the_visitor() -> None:
    """The same picture speaks Chinese to a Chinese reader."""
    assert "第 1 / 2 步" in run.progress(partial(gettext, CHINESE), state(step=1, total_steps=2), NOW)


def test_the_answers_of_the_step_that_was_kept_are_marked() -> None:
    """While it learns the newest are; of an adapter that is an earlier step, those that it gives."""
    columns = [(0, ["base"]), (14, ["first"]), (28, ["second"])]
    running = run.probes(english, ["Who?"], columns)
    assert 'marked-step"><div>second' in running and "newest" in running
    kept = run.probes(english, ["Who?"], columns, kept=14)
    assert 'marked-step"><div>first' in kept and kept.count('<td dir="auto" class="marked-step">') == 1
    assert "Step 14, this one" in kept and "newest" not in kept
    assert "marked-step" not in run.probes(english, ["Who?"], columns[:1])  # the base model taught nothing
