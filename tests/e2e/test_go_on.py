"""Defends answers that were cut: they go on in place, from the same voice, and still can after a reload."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.test_compare import archive, bring, choose  # noqa: F401  (a fixture)
from tests.e2e.test_tabs import open_tab

GO_ON = "#generate-on"
ANSWER = "#generate-chat .bot.message"


def ask_for_little(page: Page) -> None:
    page.get_by_role("radio", name="Exact").check()
    longest = page.get_by_label("number input for Longest answer, in words")
    longest.fill("16")
    longest.press("Tab")
    page.locator("#generate-prompt textarea").fill("Tell a story about a cat.")
    page.locator("#generate-go").click()
    expect(page.locator(GO_ON)).to_be_visible()


def signature(page: Page, place: str = ANSWER) -> str:
    told: str = page.locator(place).last.evaluate("one => getComputedStyle(one, '::before').content")
    return told


def test_a_cut_answer_goes_on_in_place(page: Page) -> None:
    ask_for_little(page)
    begun = page.locator(ANSWER).inner_text()
    page.locator(GO_ON).click()
    expect(page.locator("#generate-go")).to_be_visible()
    page.wait_for_function(
        "([place, begun]) => document.querySelector(place).innerText.length > begun.length", arg=[ANSWER, begun]
    )
    expect(page.locator(ANSWER)).to_have_count(1)
    assert page.locator(ANSWER).inner_text().startswith(begun.rstrip())
    page.get_by_role("button", name="New chat").click()
    expect(page.locator(GO_ON)).to_be_hidden()


def test_it_goes_on_after_a_reload_from_who_gave_it(page: Page, archive: Path) -> None:  # noqa: F811
    bring(page, archive)
    open_tab(page, "Generate")
    choose(page, "Base model")
    ask_for_little(page)
    begun, signed = page.locator(ANSWER).inner_text(), signature(page)
    assert "Base model" in signed
    page.wait_for_function("JSON.parse(localStorage.playground_visit).chat?.at(-1)?.who?.[0] === 'base'")
    page.reload()
    expect(page.locator(ANSWER)).to_have_text(begun)
    choose(page, archive.stem)
    page.locator(GO_ON).click()
    page.wait_for_function(
        "([place, begun]) => document.querySelector(place).innerText.length > begun.length", arg=[ANSWER, begun]
    )
    assert "Base model" in signature(page)
