"""Defends errors of what was typed: they stand under their field, are told to screen readers, and go with the next."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_tabs import open_tab

NOTHING_WRITTEN = "Write or paste a text first."
TASKS = {
    "Generate": ("generate-go", "generate-prompt"),
    "Translate": ("translate-go", "translate-text"),
    "Summarize": ("summarize-go", "summarize-text"),
    "Sentiment": ("sentiment-go", "sentiment-text"),
    "Question answering": ("answer-go", "answer-question"),
}


@pytest.mark.parametrize("tab", TASKS)
def test_what_is_wrong_with_a_text_stands_under_its_field(page: Page, tab: str) -> None:
    go, field = TASKS[tab]
    open_tab(page, tab)
    page.locator(f"#{go}").click()
    told = page.get_by_role("alert").filter(visible=True)
    expect(told).to_have_text(NOTHING_WRITTEN)
    box = page.locator(f"#{field} textarea")
    expect(box).to_be_focused()
    expect(box).to_have_attribute("aria-invalid", "true")
    expect(box).to_have_attribute("aria-describedby", str(told.get_attribute("id")))
    under, above = told.bounding_box(), box.bounding_box()
    assert under and above and under["y"] >= above["y"] + above["height"]
    expect(page.get_by_test_id("toast-body")).to_have_count(0)
    box.press_sequentially("A")
    expect(told).to_have_count(0)
    expect(box).not_to_have_attribute("aria-invalid", "true")


def test_the_next_try_begins_without_what_was_told(page: Page) -> None:
    open_tab(page, "Sentiment")
    page.locator("#sentiment-go").click()
    expect(page.get_by_role("alert")).to_have_text(NOTHING_WRITTEN)
    page.locator(".try:visible .chip").first.click()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator("#sentiment-result")).to_contain_text("%")


def test_two_languages_that_are_one_are_told_under_the_second(page: Page) -> None:
    open_tab(page, "Translate")
    page.locator("#translate-text textarea").fill("The house stands on a hill, and the sea is near.")
    page.locator("#translate-target input").click()
    page.get_by_role("option", name="English").click()
    page.locator("#translate-go").click()
    told = page.get_by_role("alert")
    expect(told).to_have_text(re.compile("from English to English"))
    expect(told).to_have_attribute("id", "translate-target-error")


def test_fine_tune_tells_it_under_its_fields_too(page: Page) -> None:
    open_tab(page, "Fine-tune")
    page.get_by_role("button", name="Talk like a pirate").click()
    find = page.get_by_label("Find a row")
    find.fill("words that nobody wrote")
    find.press("Enter")
    told = page.get_by_role("alert").filter(visible=True)
    expect(told).to_contain_text("No row holds these words.")
    find.fill("")
    expect(told).to_have_count(0)
    page.get_by_role("button", name="Next").filter(visible=True).last.click()
    name = page.locator("#teach-name textarea, #teach-name input")
    expect(name).not_to_have_value("")
    name.fill("base")
    page.get_by_role("button", name="Start teaching").click()
    expect(told).to_contain_text("means the model without an adapter")
    expect(told).to_have_attribute("id", "teach-name-error")
