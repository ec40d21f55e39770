"""Defends that the page is drawn without a model and shows the one that is loaded when it opens."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from playground.engine.host import LocalModelHost
from playground.protocol.model import ModelInfo
from playground.service.services import Services
from playground.ui.page import build_page
from tests.e2e.test_tabs import open_tab
from tests.e2e.test_typing import held
from tests.support.exchange import host_of
from tests.support.page import real_services, served_page


@pytest.fixture(scope="module")
def services(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with real_services(tmp_path_factory.mktemp("data"), str(tiny_model_folder)) as found:
        yield found


@pytest.fixture(scope="module")
def address(services: Services) -> Iterator[str]:
    """A page that was built while the host could not be asked."""

    def unknown(_: LocalModelHost) -> ModelInfo:
        raise AssertionError("the model was asked for while the page was drawn")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalModelHost, "info", property(unknown))
        page = build_page(services)
    with served_page(services, page) as server:
        yield server.url


@pytest.fixture
def visitor(address: str, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def bar(page: Page) -> Locator:
    return page.locator("#bar .facts")


def mode(page: Page, name: str) -> Locator:
    return page.get_by_role("radio", name=name, exact=True)


def test_the_page_shows_the_model_once_it_is_open(address: str, visitor: Page) -> None:
    visitor.goto(address)
    expect(bar(visitor)).to_contain_text("tiny-llama · 4-bit · CPU")
    expect(mode(visitor, "Chat")).to_be_checked()
    open_tab(visitor, "Translate")
    target = visitor.locator("#translate-target input")
    expect(target).to_have_value("German")
    target.click()
    expect(visitor.get_by_role("option", name="Hindi")).to_be_visible()
    expect(visitor.get_by_role("option", name="Thai")).to_have_count(0)
    visitor.keyboard.press("Escape")
    open_tab(visitor, "Fine-tune")
    visitor.get_by_role("button", name="Talk like a pirate").click()
    visitor.get_by_role("button", name="Next: teach").click()
    visitor.get_by_role("button", name="Advanced settings").click()
    visitor.get_by_label("target_modules").click()
    expect(visitor.get_by_role("option", name="q_proj,k_proj,v_proj,o_proj")).to_be_visible()


def test_it_says_so_in_the_visitors_language(address: str, browser: Browser) -> None:
    page = browser.new_page(locale="zh-CN")
    page.goto(address)
    expect(bar(page).locator("small")).to_have_attribute(
        "title", "4 位：模型的各层以 4 位存储，因此小机器也放得下。内存只算模型本身。"
    )
    expect(page.get_by_role("radio", name="续写")).to_be_visible()
    open_tab(page, "翻译")
    expect(page.locator("#translate-target input")).to_have_value("中文")
    page.close()


def test_a_page_that_is_opened_after_a_change_shows_the_new_model(
    services: Services, address: str, visitor: Page, tiny_model_folder: Path, gpt2_folder: Path
) -> None:
    """One that only continues texts, and back."""
    host_of(services).load(str(gpt2_folder), "none")
    try:
        visitor.goto(address)
        expect(bar(visitor)).to_contain_text("tiny-gpt2 · fp32 · CPU")
        expect(mode(visitor, "Continue a text")).to_be_checked()
        expect(mode(visitor, "Chat")).to_have_count(0)
        expect(visitor.locator("#generate-text textarea")).to_be_visible()
        for gone in ("#generate-prompt", ".correcting"):
            expect(visitor.locator(gone).filter(visible=True)).to_have_count(0)
        expect(visitor.get_by_role("button", name="New chat")).to_have_count(0)
    finally:
        host_of(services).load(str(tiny_model_folder), "none")
    visitor.reload()
    expect(bar(visitor)).to_contain_text("tiny-llama")
    expect(mode(visitor, "Chat")).to_be_checked()
    expect(visitor.locator("#generate-prompt textarea")).to_be_visible()


def test_what_is_chosen_before_the_model_is_known_stays(address: str, visitor: Page) -> None:
    with held(visitor):
        visitor.goto(address)
        mode(visitor, "Continue a text").check()
        visitor.locator("#generate-text textarea").fill("Once upon a time")
        expect(bar(visitor)).to_have_text("LLM Playground")
        open_tab(visitor, "Translate")
        visitor.locator("#translate-target input").click()
        visitor.get_by_role("option", name="Korean").click()
    expect(bar(visitor)).to_contain_text("tiny-llama")
    target = visitor.locator("#translate-target input")
    target.click()
    expect(visitor.get_by_role("option", name="Thai")).to_have_count(0)
    visitor.keyboard.press("Escape")
    expect(target).to_have_value("Korean")
    open_tab(visitor, "Generate")
    expect(mode(visitor, "Continue a text")).to_be_checked()
    expect(visitor.locator("#generate-text textarea")).to_have_value("Once upon a time")
