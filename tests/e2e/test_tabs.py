"""Defends each tab as a person uses it, in a real browser on the real app."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.running_app import RunningApp

WRITTEN = re.compile(r"\S")


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def use_example(page: Page, task: str, number: int = 0) -> None:
    """One click asks it."""
    run(page, task, page.locator(".try:visible .chip").nth(number))


def run(page: Page, task: str, pressed: Locator | None = None) -> None:
    """Press the button and wait until Stop, which takes its place meanwhile, has come and gone."""
    page.evaluate(
        """stop => {
            window.ran = false;
            let came = false;
            new MutationObserver((_, observer) => {
                const there = document.querySelector(stop) !== null;
                came = came || there;
                if (came && !there) { window.ran = true; observer.disconnect(); }
            }).observe(document.body, { childList: true, subtree: true, attributes: true });
        }""",
        f"#{task}-stop",
    )
    (pressed or page.locator(f"#{task}-go")).click()
    page.wait_for_function("window.ran")
    expect(page.locator(f"#{task}-go")).to_be_visible()


def test_generate_answers_and_remembers_the_conversation(page: Page) -> None:
    use_example(page, "generate")
    expect(page.locator("#generate-chat .bot.message")).to_have_text(WRITTEN)
    expect(page.locator("#generate-prompt textarea")).to_have_value("")
    page.get_by_role("button", name="New chat").click()
    expect(page.locator("#generate-chat .bot.message")).to_have_count(0)


def test_a_text_is_continued_where_it_ends(page: Page) -> None:
    page.get_by_role("radio", name="Continue a text").check()
    text = page.locator("#generate-text textarea")
    text.fill("Once upon a time")
    run(page, "continue")
    expect(text).to_have_value(re.compile(r"^Once upon a time.+", re.DOTALL))


def test_stop_stops_the_model_and_keeps_the_text(page: Page) -> None:
    page.get_by_text("More controls").click()
    page.locator("#generate-prompt textarea").fill("Tell a story about a cat and a dog.")
    page.locator("#generate-go").click()
    expect(page.locator("#generate-chat .bot.message")).to_have_text(WRITTEN)
    page.locator("#generate-stop").click()
    expect(page.locator("#generate-go")).to_be_visible()
    expect(page.locator("#generate-chat .bot.message")).to_have_text(WRITTEN)
    expect(page.locator("#generate-prompt textarea")).to_have_value("")


def test_translate_and_swap(page: Page) -> None:
    open_tab(page, "Translate")
    use_example(page, "translate")
    result = page.locator("#translate-result textarea")
    expect(result).to_have_value(WRITTEN)
    translation = result.input_value()
    page.locator("#translate-swap").click()
    expect(page.locator("#translate-text textarea")).to_have_value(translation)


def test_a_summary_tells_how_much_shorter_it_is(page: Page) -> None:
    open_tab(page, "Summarize")
    use_example(page, "summarize")
    expect(page.locator("#summarize-result textarea")).to_have_value(WRITTEN)
    expect(page.get_by_text(re.compile(r"From \d+ words to \d+"))).to_be_visible()


def test_sentiment_judges_every_line(page: Page) -> None:
    open_tab(page, "Sentiment")
    use_example(page, "sentiment", 1)
    expect(page.locator("#sentiment-result .tbl tr")).to_have_count(7)
    expect(page.locator("#sentiment-result .verdict-word:visible")).to_have_text(
        re.compile("positive|negative|undecided")
    )


def test_an_answer_is_marked_in_the_passage_or_said_to_be_missing(page: Page) -> None:
    open_tab(page, "Question answering")
    use_example(page, "answer")
    answer = page.locator("#answer-result .big")
    expect(answer).to_have_text(WRITTEN)
    if answer.inner_text() != "The passage does not say.":
        assert page.locator("#answer-result mark").inner_text() == answer.inner_text()


@pytest.mark.parametrize(
    ("tab", "task"), [("Translate", "translate"), ("Summarize", "summarize"), ("Sentiment", "sentiment")]
)
def test_an_empty_text_gets_one_sentence(page: Page, tab: str, task: str) -> None:
    open_tab(page, tab)
    page.locator(f"#{task}-go").click()
    expect(page.get_by_text("Write or paste a text first.")).to_be_visible()
    expect(page.locator(f"#{task}-go")).to_be_visible()


def test_chinese_for_whoever_reads_it(app: RunningApp, browser: Browser) -> None:
    """Gradio itself knows no zh-HK."""
    context = browser.new_context(locale="zh-HK")
    visitor = context.new_page()
    visitor.goto(app.url)
    expect(visitor.get_by_role("tab", name="问答")).to_be_visible(timeout=30_000)
    visitor.get_by_role("tab", name="翻译").click()
    visitor.locator("#translate-go").click()
    expect(visitor.get_by_text("请先写入或粘贴一段文字。")).to_be_visible(timeout=30_000)
    context.close()


def test_a_phone_needs_no_sideways_scrolling(app: RunningApp, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-US")
    visitor = context.new_page()
    visitor.goto(app.url)
    for tab in ("Generate", "Translate", "Summarize", "Sentiment", "Question answering", "Fine-tune", "Adapters"):
        visitor.get_by_role("tab", name=tab).click()
        expect(visitor.locator(".tabitem:visible .card").first).to_be_visible()
        wide = visitor.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{tab} is {wide} pixels too wide"
    context.close()
