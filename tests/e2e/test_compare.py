"""Defends strength, Compare and the shaded words as a person uses them: base model and adapter side by side."""

import json
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.test_tabs import WRITTEN, open_tab, run, use_example
from tests.support.asking import until
from tests.support.raw_http import raw_call
from tests.support.running_app import RunningApp
from tests.support.tiny import make_adapter
from tests.support.tiny_model import TINY

NAME = "Other voice"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of the app's model, as a zip: it was taught nothing, and changes every answer."""
    folder = tmp_path_factory.mktemp("adapter")
    adapter = make_adapter(TINY, folder / "adapter")
    return Path(shutil.make_archive(str(folder / NAME), "zip", adapter))


def bring(page: Page, archive: Path, compare: bool = True) -> None:
    """Import the adapter, choose it for the whole page, and switch Compare on."""
    open_tab(page, "Adapters")
    page.locator(".adapters input[type=file]").set_input_files(str(archive))
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#pick input")).to_have_value(NAME)
    expect(switch(page)).to_be_enabled()
    if compare:
        switch(page).check()
        expect(page.locator(".comparing")).to_have_count(1)


def switch(page: Page) -> Locator:
    return page.get_by_label("Compare with base")


def set_strength(page: Page, percent: int) -> None:
    page.locator("#strength input[type=number]").fill(str(percent))
    page.locator("#strength input[type=number]").blur()
    expect(page.locator("#strength input[type=range]")).to_have_value(str(percent))


def ask_shortly(page: Page, prompt: str) -> None:
    """In Generate, with answers that are soon over."""
    page.get_by_label("number input for Longest answer, in words").fill("16")
    page.locator("#generate-prompt textarea").fill(prompt)
    run(page, "generate")


def choose(page: Page, name: str) -> None:
    page.locator("#pick input").click()
    page.get_by_role("option", name=name).click()


def bot(page: Page, side: str = "") -> Locator:
    return page.locator(f"#generate-chat{side} .bot.message")


def signed(page: Page, side: str = "") -> list[list[str]]:
    """Of each answer that is shown, who it says to be from, and the colour of its bar."""
    found: list[list[str]] = bot(page, side).evaluate_all(
        """answers => answers.map(one => [
            getComputedStyle(one, "::before").content.replaceAll('"', ""), getComputedStyle(one).borderLeftColor
        ])"""
    )
    return [[name.removesuffix(", cut at the longest answer"), bar] for name, bar in found]


def test_an_answer_stays_signed_by_who_gave_it(page: Page, archive: Path) -> None:
    ask_shortly(page, "Tell a story about a cat.")
    (by_base,) = signed(page)
    assert by_base[0] == "Base model"
    bring(page, archive, compare=False)
    open_tab(page, "Generate")
    assert signed(page) == [by_base]
    ask_shortly(page, "And then?")
    (_, taught) = signed(page)
    assert taught[0] == f"{NAME} at 100 %"
    assert taught[1] != by_base[1]
    set_strength(page, 50)  # whoever lets go of it sees the last question answered anew
    half = [f"{NAME} at 50 %", taught[1]]
    expect(page.locator("#generate-stop")).to_have_count(0)
    until(lambda: signed(page) == [by_base, half])
    switch(page).check()
    ask_shortly(page, "And then?")
    assert signed(page) == [by_base, half, half]
    assert signed(page, "-base") == [by_base, half, by_base]  # what it has not said itself is not its own
    choose(page, "Base model")
    for mode in ("Continue a text", "Chat"):
        page.get_by_role("radio", name=mode, exact=True).check()
    expect(bot(page)).to_have_count(3)
    assert signed(page) == [by_base, half, half]
    page.get_by_role("button", name="New chat").click()
    expect(bot(page)).to_have_count(0)
    ask_shortly(page, "Tell a story about a dog.")
    assert signed(page) == [by_base]


def test_a_new_chat_ends_the_answer_that_still_comes(page: Page) -> None:
    page.locator("#generate-prompt textarea").fill("Tell a long story about a cat and a dog.")
    page.locator("#generate-go").click()
    expect(bot(page)).to_have_text(WRITTEN)
    page.get_by_role("button", name="New chat").click()
    expect(bot(page)).to_have_count(0)
    expect(page.locator("#generate-go")).to_be_visible()
    expect(page.locator("#generate-prompt textarea")).to_have_value("")
    ask_shortly(page, "And then?")
    expect(bot(page)).to_have_count(1)


def test_strength_and_compare_are_for_adapters_only(page: Page, archive: Path) -> None:
    expect(switch(page)).to_be_disabled()
    expect(page.locator("#strength input[type=range]")).to_be_disabled()
    bring(page, archive)
    expect(page.locator("#strength input[type=range]")).to_be_enabled()
    open_tab(page, "Translate")
    expect(page.locator("#translate-result-base")).to_be_visible()
    choose(page, "Base model")
    expect(switch(page)).to_be_disabled()
    expect(page.locator("#translate-result-base")).to_be_hidden()
    expect(page.locator("#translate-result")).to_be_visible()


def test_each_half_of_a_conversation_remembers_its_own(page: Page, archive: Path) -> None:
    bring(page, archive)
    open_tab(page, "Generate")
    expect(page.get_by_text(f"{NAME} at 100 %").first).to_be_visible()
    page.get_by_role("radio", name="Exact").check()
    for asked in (1, 2):
        ask_shortly(page, "Tell a story about a cat.")
        expect(bot(page)).to_have_count(asked)
        expect(bot(page, "-base")).to_have_count(asked)
    assert bot(page).first.inner_text() != bot(page, "-base").first.inner_text()
    switch(page).uncheck()
    expect(bot(page, "-base").first).to_be_hidden()
    ask_shortly(page, "And then?")
    expect(bot(page)).to_have_count(3)
    switch(page).check()
    expect(bot(page, "-base")).to_have_count(2)
    page.get_by_role("button", name="New chat").click()
    expect(page.locator(".bot.message")).to_have_count(0)


def test_without_strength_the_adapter_is_the_base_model_in_every_tab(page: Page, archive: Path) -> None:
    bring(page, archive)
    set_strength(page, 0)
    for tab, task, text in (
        ("Translate", "translate", "textarea"),
        ("Summarize", "summarize", "textarea"),
        ("Question answering", "answer", ".big"),
    ):
        open_tab(page, tab)
        expect(page.locator(f".half:has(#{task}-result)").get_by_text(f"{NAME} at 0 %")).to_be_visible()
        use_example(page, task)
        sides = [page.locator(f"#{task}-result{side} {text}") for side in ("-base", "")]
        if text == "textarea":
            for side in sides:
                expect(side).to_have_value(WRITTEN)
        base, own = (side.input_value() if text == "textarea" else side.inner_text() for side in sides)
        assert base == own


def test_a_result_keeps_the_name_of_who_gave_it(page: Page, archive: Path) -> None:
    bring(page, archive)
    open_tab(page, "Translate")
    use_example(page, "translate")
    named = page.locator(".half:has(#translate-result) .dot")
    expect(named).to_have_text(f"{NAME} at 100 %")
    set_strength(page, 50)
    open_tab(page, "Summarize")
    expect(page.locator(".half:has(#summarize-result) .dot")).to_have_text(f"{NAME} at 50 %")
    open_tab(page, "Translate")
    expect(named).to_have_text(f"{NAME} at 100 %")
    run(page, "translate")
    expect(named).to_have_text(f"{NAME} at 50 %")


def test_a_text_is_continued_by_both(page: Page, archive: Path) -> None:
    bring(page, archive)
    open_tab(page, "Generate")
    page.get_by_role("radio", name="Continue a text").check()
    page.get_by_label("number input for Longest answer, in words").fill("16")
    page.locator("#generate-text textarea").fill("Once upon a time")
    run(page, "continue")
    for side in ("", "-base"):
        expect(page.locator(f"#generate-text{side} textarea")).to_have_value(
            re.compile(r"^Once upon a time.+", re.DOTALL)
        )


def test_both_moods_stand_on_each_scale(page: Page, archive: Path) -> None:
    bring(page, archive)
    open_tab(page, "Sentiment")
    use_example(page, "sentiment", 1)
    expect(page.locator("#sentiment-result .scale")).to_have_count(6)
    expect(page.locator("#sentiment-result .scale i")).to_have_count(12)
    expect(page.get_by_text(re.compile("They agree on . of 6"))).to_be_visible()


def test_stop_stops_both(app: RunningApp, page: Page, archive: Path) -> None:
    bring(page, archive)
    open_tab(page, "Generate")
    page.locator("#generate-prompt textarea").fill("Tell a long story about a cat and a dog.")
    page.locator("#generate-go").click()
    for side in ("", "-base"):
        expect(bot(page, side)).to_have_text(WRITTEN)
    page.locator("#generate-stop").click()
    expect(page.locator("#generate-go")).to_be_visible()
    page.wait_for_function("() => !document.querySelector('#generate-stop')")
    until(lambda: running(app) == 0)  # a request leaves at the next step


def running(app: RunningApp) -> int:
    answer = raw_call(app, "status", '{"data": []}')
    return int(json.loads(answer[answer.index("[") :])[0]["running"])


def test_an_error_ends_both_and_the_next_run_works(page: Page, archive: Path) -> None:
    bring(page, archive)
    open_tab(page, "Translate")
    page.locator("#translate-go").click()
    expect(page.get_by_text("Write or paste a text first.")).to_be_visible()
    expect(page.locator("#translate-go")).to_be_visible()
    use_example(page, "translate")
    expect(page.locator("#translate-result-base textarea")).to_have_value(WRITTEN)


def test_a_word_tells_how_sure_the_model_was_and_what_else_it_considered(page: Page, archive: Path) -> None:
    bring(page, archive)
    open_tab(page, "Generate")
    page.get_by_text("More controls").click()
    page.get_by_label("Show how sure it was of each word").check()
    ask_shortly(page, "Tell a story about a cat.")
    for side in ("", "-base"):
        words = page.locator(f"#generate-chat{side}-words label")
        expect(words.first).to_be_visible()
        words.nth(1).click()
        expect(words.nth(1).locator(".strip")).to_be_visible()
        expect(words.nth(1).locator(".strip")).to_contain_text(re.compile(r"\d%.*It also considered.*\d%"))
    page.get_by_label("Show how sure it was of each word").uncheck()
    expect(page.locator("#generate-chat-words label").first).to_be_hidden()


def test_comparing_on_a_phone_needs_no_sideways_scrolling(app: RunningApp, browser: Browser, archive: Path) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-US")
    visitor = context.new_page()
    visitor.goto(app.url)
    bring(visitor, archive)
    for tab in ("Generate", "Translate", "Summarize", "Sentiment", "Question answering"):
        open_tab(visitor, tab)
        expect(visitor.locator(".tabitem:visible .card").first).to_be_visible()
        wide = visitor.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{tab} is {wide} pixels too wide"
    context.close()
