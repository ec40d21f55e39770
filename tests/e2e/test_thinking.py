"""Defends how a model's thoughts are shown: folded above its answer, and off by a switch that only such models have."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.asking import until
from tests.support.running_app import RunningApp, running_app
from tests.support.thinking.model import ANSWER, THOUGHT, make_thinker

CHAT = "#generate-chat"


@pytest.fixture(scope="module")
def thinking_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    folder: Path = tmp_path_factory.mktemp("thinking")
    model = make_thinker(folder / "model")
    with running_app(folder, PLAYGROUND_MODEL=str(model), PLAYGROUND_QUANTIZATION="none") as running:
        yield running


def visit(browser: Browser, app: RunningApp, locale: str) -> Page:
    page = browser.new_context(viewport={"width": 1440, "height": 900}, locale=locale).new_page()
    page.goto(app.url)
    return page


def ask(page: Page, times: int) -> None:
    page.locator("#generate-prompt textarea").fill("Hello")
    page.locator("#generate-prompt textarea").press("Enter")
    expect(page.locator(f"{CHAT} .bot-row")).to_have_count(times)
    expect(page.locator(CHAT)).to_contain_text(ANSWER)
    expect(page.locator("#generate-stop")).to_have_count(0)


def test_thoughts_are_folded_above_the_answer_and_off_by_the_switch(browser: Browser, thinking_app: RunningApp) -> None:
    page = visit(browser, thinking_app, "en-US")
    page.get_by_role("radio", name="Exact").check()
    switch = page.get_by_role("checkbox", name="Think before answering")
    switch.check()
    ask(page, 1)
    folded = page.locator(CHAT).get_by_role("button", name="Thought for")
    expect(folded).to_be_visible()
    expect(page.get_by_text(THOUGHT)).to_be_hidden()
    folded.press("Enter")
    expect(page.get_by_text(THOUGHT)).to_be_visible()
    switch.uncheck()
    ask(page, 2)
    expect(folded).to_have_count(1)
    page.context.close()


def test_the_answer_is_copied_without_its_thoughts(browser: Browser, thinking_app: RunningApp) -> None:
    page = visit(browser, thinking_app, "en-US")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("radio", name="Exact").check()
    page.get_by_role("checkbox", name="Think before answering").check()
    ask(page, 1)
    page.locator(CHAT).get_by_role("button", name="Copy message").click()
    until(lambda: page.evaluate("navigator.clipboard.readText()") == ANSWER)
    page.context.close()


def test_it_speaks_the_visitors_language(browser: Browser, thinking_app: RunningApp) -> None:
    page = visit(browser, thinking_app, "zh-CN")
    page.get_by_role("radio", name="精确").check()
    page.get_by_role("checkbox", name="先思考再回答").check()
    ask(page, 1)
    expect(page.locator(CHAT).get_by_role("button", name="思考了")).to_be_visible()
    page.context.close()


def test_a_model_that_does_not_think_has_no_switch(page: Page) -> None:
    expect(page.locator("#generate-style")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Think before answering")).to_have_count(0)
