"""Defends the page for whoever uses the keyboard or a screen reader."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_tabs import open_tab, use_example
from tests.support.running_app import RunningApp

TABS = ("Generate", "Translate", "Summarize", "Sentiment", "Question answering", "Fine-tune", "Adapters")


def violations(page: Page) -> list[str]:
    """What axe finds, by its names, each with the first element that it is about."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:120]}" for one in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_tab(app: RunningApp, browser: Browser, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    page = context.new_page()
    page.goto(f"{app.url}?__theme={scheme}")
    for tab in TABS:
        open_tab(page, tab)
        if tab == "Sentiment":
            use_example(page, "sentiment", 1)
        expect(page.locator(".tabitem:visible .card").first).to_be_visible()
        assert violations(page) == [], tab
    context.close()


def test_tabs_are_one_stop_with_arrows(page: Page) -> None:
    first = page.get_by_role("tab", name="Generate")
    first.focus()
    page.keyboard.press("ArrowRight")
    second = page.get_by_role("tab", name="Translate")
    expect(second).to_be_focused()
    expect(second).to_have_attribute("aria-selected", "true")
    expect(first).to_have_attribute("tabindex", "-1")
    page.keyboard.press("End")
    expect(page.get_by_role("tab", name="Adapters")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(first).to_be_focused()


def test_the_first_stop_leads_to_the_content(page: Page) -> None:
    expect(page.locator("#generate-prompt textarea")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('.tabitem') !== null")


def test_the_bars_of_any_line_are_shown(page: Page) -> None:
    open_tab(page, "Sentiment")
    use_example(page, "sentiment", 1)
    rows = page.locator("#sentiment-result .line-row")
    expect(rows).to_have_count(6)
    rows.nth(2).get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#sentiment-result .of-line:visible")).to_contain_text("Line 3: It was fine")
    expect(rows.nth(2)).to_have_attribute("aria-current", "true")


def test_nothing_is_said_in_english_on_the_chinese_page(app: RunningApp, browser: Browser) -> None:
    """To screen readers neither: Gradio's own labels have no translation."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    page = context.new_page()
    page.goto(app.url)
    expect(page.get_by_role("tab", name="微调")).to_be_visible()
    for number in range(len(TABS)):
        page.get_by_role("tab").nth(number).click()
        expect(page.locator(".tabitem:visible .card").first).to_be_visible()
        page.wait_for_function(
            """() => ["aria-label", "placeholder"].every((name) =>
                [...document.querySelectorAll(`[${name}]`)].every((one) =>
                    !one.offsetParent || !/[A-Za-z]{4}/.test(one.getAttribute(name).replace(/Gradio|JSON/g, ""))
                        || /[\\u4e00-\\u9fff]/.test(one.getAttribute(name))))"""
        )
    context.close()
