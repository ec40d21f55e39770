"""Defends that the model is changed on the page, by clicks, and that every open page follows and loses nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from playground.service.services import Services
from tests.e2e.test_model_binding import bar
from tests.support.hub import running_hub, use_hub
from tests.support.page import real_services, served_page
from tests.support.tiny import make_llama

FOLLOWS_MS = 2_500
"""Two seconds, and what drawing takes."""


@pytest.fixture(scope="module")
def other_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_llama(tmp_path_factory.mktemp("other") / "tiny-other", seed=7)


@pytest.fixture(scope="module")
def services(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with real_services(tmp_path_factory.mktemp("data"), str(tiny_model_folder)) as found:
        yield found


@pytest.fixture(scope="module")
def address(services: Services) -> Iterator[str]:
    with served_page(services) as server:
        yield server.url


@pytest.fixture
def visitors(address: str, browser: Browser) -> Iterator[list[Page]]:
    """Two, who know nothing of each other."""
    contexts = [browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US") for _ in range(2)]
    pages = [context.new_page() for context in contexts]
    errors: list[str] = []
    for page in pages:
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        expect(bar(page)).to_contain_text("4-bit")
    yield pages
    for context in contexts:
        context.close()
    assert errors == []


def load(page: Page, folder: Path) -> None:
    panel = page.locator("#model-panel")
    if not panel.is_visible():
        page.locator("#models").click()
    field = panel.locator("#model-folder").locator("textarea, input")
    field.fill(str(folder))
    field.press("Enter")


def test_every_page_follows_a_change_and_keeps_what_was_typed(
    visitors: list[Page], tiny_model_folder: Path, other_folder: Path
) -> None:
    mine, theirs = visitors
    theirs.locator("#generate-prompt textarea").fill("a question that is not sent yet")
    theirs.evaluate("window.notReloaded = true")
    load(mine, other_folder)
    expect(bar(mine)).to_contain_text("tiny-other")
    expect(bar(theirs)).to_contain_text("tiny-other", timeout=FOLLOWS_MS)
    expect(theirs.locator("#generate-prompt textarea")).to_have_value("a question that is not sent yet")
    assert theirs.evaluate("window.notReloaded")
    theirs.locator("#generate-prompt textarea").press("Enter")
    expect(theirs.locator(".bot.message").first).not_to_be_empty()
    expect(mine.locator("#model-panel .stack label.selected")).to_contain_text("tiny-other")
    load(mine, tiny_model_folder)
    expect(bar(theirs)).to_contain_text("tiny-llama")


def test_what_cannot_be_loaded_is_one_sentence_and_the_model_stays(visitors: list[Page], tmp_path: Path) -> None:
    page, _ = visitors
    (tmp_path / "nothing").mkdir()
    load(page, tmp_path / "nothing")
    expect(page.locator("#model-change")).to_contain_text("There is no model in")
    expect(bar(page)).to_contain_text("tiny-llama")


def test_the_panel_tells_what_each_model_needs(visitors: list[Page]) -> None:
    page, _ = visitors
    page.locator("#models").click()
    listed = page.locator("#model-panel .stack label")
    expect(listed.filter(has_text="tiny-llama")).to_contain_text("answers now")
    listed.filter(has_text="Qwen3 0.6B").click()
    facts = page.locator("#model-facts")
    for told in ("Qwen3 0.6B", "Good for", "words a second", "Apache-2.0", "1.5 GB"):
        expect(facts).to_contain_text(told)
    expect(page.get_by_role("button", name="Get and use it")).to_be_enabled()
    listed.filter(has_text="too large for this machine").last.click()
    expect(facts).to_contain_text("GB of memory")
    expect(page.get_by_role("button", name="Get and use it")).to_be_disabled()
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#model-panel")).to_be_hidden()


def test_a_model_of_the_hub_is_found_got_and_used(
    visitors: list[Page], tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its progress; stopped half-way it stays where it was, goes on after a reload, and can be removed."""
    page, _ = visitors
    with running_hub() as hub:
        use_hub(hub, tmp_path, monkeypatch)
        hub.hold_after = 2**16
        page.locator("#models").click()
        page.locator("#model-query").locator("textarea, input").fill("tiny")
        page.get_by_role("button", name="Search").click()
        listed = page.locator("#model-panel .stack label")
        expect(listed).to_have_count(1)
        expect(page.locator("#model-facts")).to_contain_text("German")
        page.get_by_role("button", name="Get and use it").click()
        expect(page.locator("#model-change .track")).to_be_visible()
        expect(page.locator("#model-line")).to_contain_text("Getting people/tiny")
        page.get_by_role("button", name="Stop", exact=True).click()
        expect(page.locator("#model-change")).to_contain_text("was stopped")
        expect(bar(page)).to_contain_text("tiny-llama")
        hub.hold_after = 0
        hub.release.set()
        page.reload()
        page.locator("#models").click()
        page.locator("#model-query").locator("textarea, input").fill("tiny")
        page.get_by_role("button", name="Search").click()
        expect(listed).to_have_count(1)
        page.get_by_role("button", name="Get and use it").click()
        expect(bar(page)).to_contain_text("people/tiny")
        load(page, tiny_model_folder)
        expect(bar(page)).to_contain_text("tiny-llama")
        page.get_by_role("button", name="Close").click()
        page.locator("#models").click()
        listed.filter(has_text="people/tiny").click()
        page.get_by_role("button", name="Remove from this machine").click()
        page.get_by_role("button", name="Remove", exact=True).click()
        expect(listed.filter(has_text="people/tiny")).to_have_count(0)
