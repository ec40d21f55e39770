"""What a taught adapter changed on rows it never saw, by measures that fit the rows."""

import asyncio
from pathlib import Path

import pytest

from playground.data.examples import Example
from playground.engine.host import LocalModelHost
from playground.evaluation import held_out
from playground.evaluation.held_out import ROWS, compare, fitting_kind
from playground.protocol.messages import Message
from playground.tasks.registry import all_tasks

LONG = "It is a long answer with more words than a name has."


def row(number: int, asked: str, answer: str) -> Example:
    return Example(({"role": "user", "content": asked}, {"role": "assistant", "content": answer}), None, number)


def answered(prompts: list[list[Message]], answers: list[str]) -> list[Example]:
    pairs = zip(prompts, answers, strict=True)
    return [Example((*asked, {"role": "assistant", "content": wanted}), None, 1) for asked, wanted in pairs]


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [
        (["positive", "Negative.", "negative", "positive"], "labels"),
        (["Paris", "in 1972", "Anna Lund", "two"], "short answers"),
        ([f"card_{number % 40}" for number in range(120)], "labels"),  # many, each of them often
        ([f"card_{number % 40}" for number in range(100)], "short answers"),
        ([LONG, "Yes."], "texts"),
        ([LONG, "Paris", "in 1972", "Anna Lund"], "short answers"),
        (["小狗在花园里睡觉，猫在屋里，鸟在树上，鱼在水里", "好"], "texts"),
    ],
)
def test_the_kind_fits_the_answers(wanted: list[str], kind: str) -> None:
    assert fitting_kind([row(1, "What?", text) for text in wanted]) == kind


def test_the_kind_fits_what_is_asked_by_the_tabs_own_prompts() -> None:
    translate, summarize = (all_tasks()[name] for name in ("translate", "summarize"))
    translations = answered([translate.prompt(text="A dog.", target="German")] * 2, ["Ein Hund.", "Der Hund."])
    assert fitting_kind(translations) == "translations"
    assert (
        fitting_kind([row(1, "翻译成中文：A dog.", "一只狗。"), row(2, "翻译：A cat.", "一只猫。")]) == "translations"
    )
    assert fitting_kind(answered([summarize.prompt(text=LONG)] * 2, ["Short.", "Also short."])) == "summaries"
    assert fitting_kind([row(1, "Why translate?", LONG), row(2, "What is a summary?", LONG)]) == "texts"
    assert fitting_kind([Example(None, "A text.", 1)]) == "plain texts"


def test_base_and_adapter_are_asked_the_same_rows(
    host: LocalModelHost, adapters: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adapter measured against itself gains nothing; one that writes otherwise scores otherwise."""
    monkeypatch.setattr(held_out, "MAX_ANSWER_TOKENS", 16)
    host.load_adapter("a", adapters[0])
    both = host.client(), host.client()
    rows = [row(number, f"Say number {number}.", f"The number is {number}, as you said.") for number in range(ROWS + 4)]
    same = asyncio.run(compare(both, rows))
    assert same is not None and [measure.name for measure in same.differences] == ["chrF"]
    (chrf,) = same.differences
    assert chrf.rows == ROWS and chrf.base == chrf.adapter and chrf.ci_low == chrf.ci_high == 0 and not chrf.better
    assert len(same.rows) == 6 and {one["gain"] for one in same.rows} == {0}
    changed = asyncio.run(compare((host.client(), host.client(adapter="a")), rows))
    assert (
        changed is not None and changed.differences[0].base == chrf.base and changed.differences[0].adapter != chrf.base
    )
    told = [float(str(one["gain"])) for one in changed.rows]
    assert told == sorted(told) and told[0] < told[-1]
    assert all(one["wanted"] == f"The number is {one['row']}, as you said." for one in changed.rows)


def test_labels_are_counted_by_what_was_said_instead(host: LocalModelHost) -> None:
    rows = [row(number, f"Good or bad? {number}", "Good" if number % 3 else "Bad.") for number in range(12)]
    found = asyncio.run(compare((host.client(), host.client()), rows[:6], train_examples=rows))
    assert found is not None and [measure.name for measure in found.differences] == ["accuracy", "macro-F1"]
    assert found.confusion == {  # a random model says neither
        "labels": ["Bad.", "Good", "other"],
        "base": [[0, 0, 2], [0, 0, 4], [0, 0, 0]],
        "adapter": [[0, 0, 2], [0, 0, 4], [0, 0, 0]],
    }


def test_the_confusion_matrix_has_a_line_for_each_wanted_label() -> None:
    shown = {"bad": "Bad", "good": "Good"}
    told = held_out._confusion(shown, ["good", "bad", "bad"], ["bad", "bad", "good"], ["good", "bad", "bad"])
    assert told == {"labels": ["Bad", "Good"], "base": [[1, 1], [1, 0]], "adapter": [[2, 0], [0, 1]]}


def test_translations_summaries_and_short_answers_have_two_measures(host: LocalModelHost) -> None:
    translate, summarize = (all_tasks()[name] for name in ("translate", "summarize"))
    both = host.client(), host.client()
    into_german = translate.prompt(text="A dog.", target="German")
    cases = {
        ("chrF", "BLEU"): answered([into_german] * 3, ["Ein Hund.", "Hund", "Der Hund."]),
        ("ROUGE-1", "ROUGE-L"): answered([summarize.prompt(text=LONG)] * 2, ["A short one.", "It is long."]),
        ("F1", "exact match"): [row(1, "Where?", "Paris"), row(2, "When?", "in 1972")],
    }
    for names, rows in cases.items():
        found = asyncio.run(compare(both, rows))
        assert found is not None and tuple(measure.name for measure in found.differences) == names


def test_plain_texts_are_read_by_both(host: LocalModelHost, adapters: list[Path]) -> None:
    host.load_adapter("a", adapters[0])
    rows = [Example(None, f"Once upon a time there were {n} little dogs in the garden.", n) for n in range(8)]
    long = Example(None, "The dog liked to run. " * 400, 9)  # more than the model reads at once
    found = asyncio.run(compare((host.client(), host.client(adapter="a")), [*rows, long]))
    assert found is not None and found.differences[0].rows == 9
    (perplexity,) = found.differences
    assert perplexity.name == "perplexity" and 1 < perplexity.base != perplexity.adapter > 1
    assert perplexity.ci_low <= perplexity.adapter - perplexity.base <= perplexity.ci_high
    assert float(str(found.rows[-1]["base"])) > float(str(found.rows[-1]["adapter"])) or found.rows[-1]["gain"] < 0


def test_when_the_time_is_spent_fewer_rows_are_asked(host: LocalModelHost) -> None:
    rows = [row(number, f"Say number {number}.", LONG) for number in range(ROWS)]
    found = asyncio.run(compare((host.client(), host.client()), rows, budget_s=0.01))
    assert found is not None and 0 < found.differences[0].rows < ROWS


def test_nothing_set_aside_is_nothing_measured(host: LocalModelHost) -> None:
    assert asyncio.run(compare((host.client(), host.client()), [])) is None
    assert asyncio.run(compare((host.client(), host.client()), [], train_examples=[row(1, "What?", LONG)])) is None
