"""Defends what the page remembers: a reload and the Back button lose nothing, and what is deleted is forgotten."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.test_tabs import WRITTEN, open_tab, run

LAST = "Tell a story about a cat."


def selected(page: Page, name: str) -> None:
    expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")


def test_each_tab_is_an_address_and_back_goes_to_the_one_before(page: Page) -> None:
    open_tab(page, "Translate")
    expect(page).to_have_url(re.compile("#translate$"))
    open_tab(page, "Sentiment")
    expect(page).to_have_url(re.compile("#sentiment$"))
    page.go_back()
    selected(page, "Translate")
    page.go_back()
    selected(page, "Generate")
    page.go_forward()
    selected(page, "Translate")
    page.reload()
    selected(page, "Translate")


def test_a_reload_keeps_the_chat_and_what_is_being_written(page: Page) -> None:
    page.get_by_label("number input for Longest answer, in words").fill("16")
    page.locator("#generate-prompt textarea").fill(LAST)
    run(page, "generate")
    answer = page.locator("#generate-chat .bot.message")
    expect(answer).to_have_text(WRITTEN)
    said = answer.inner_text()
    page.locator("#generate-prompt textarea").fill("And what")
    open_tab(page, "Translate")
    page.locator("#translate-text textarea").fill("Guten Morgen")
    page.reload()
    selected(page, "Translate")
    expect(page.locator("#translate-text textarea")).to_have_value("Guten Morgen")
    open_tab(page, "Generate")
    expect(page.locator("#generate-prompt textarea")).to_have_value("And what")
    expect(answer).to_have_text(said.strip())
    assert page.evaluate(
        "getComputedStyle(document.querySelector('#generate-chat .bot.message'), '::before').content"
    ) == ('"Base model, cut at the longest answer"')
    page.get_by_role("button", name="New chat").click()
    expect(answer).to_have_count(0)
    page.wait_for_function("!localStorage.playground_visit.includes('story about a cat')")
    page.reload()
    expect(page.locator("#generate-prompt textarea")).to_have_value("And what")
    expect(answer).to_have_count(0)


def test_a_reload_keeps_the_file_in_work_and_its_step(page: Page) -> None:
    open_tab(page, "Fine-tune")
    page.get_by_role("button", name="Sort messages").click()
    page.get_by_role("button", name="Next: teach").click()
    page.locator("#teach-name textarea, #teach-name input").fill("Postman")
    page.wait_for_function("localStorage.playground_visit.includes('Postman')")
    page.reload()
    name = page.locator("#teach-name textarea, #teach-name input")
    expect(name).to_have_value("Postman")
    expect(page.get_by_role("button", name="Start teaching")).to_be_visible()
    page.get_by_role("button", name="Back").last.click()
    page.reload()
    expect(page.get_by_role("button", name="Next: teach")).to_be_visible()


def test_what_is_deleted_is_forgotten_by_the_browser_too(page: Page) -> None:
    page.locator("#generate-prompt textarea").fill("Something private")
    page.wait_for_function("localStorage.playground_visit.includes('private')")
    open_tab(page, "Adapters")
    page.get_by_role("button", name="Delete everything of mine").click()
    page.get_by_role("button", name="Delete everything for good").click()
    expect(page.locator("#told")).to_have_text(re.compile("Deleted for good"))
    open_tab(page, "Generate")
    expect(page.locator("#generate-prompt textarea")).to_have_value("")
