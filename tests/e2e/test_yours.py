"""Defends a visitor's own section at the end of Adapters: deleting everything, and the key for another device."""

import shutil
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from playground.service.owners import COOKIE
from tests.e2e.test_compare import NAME, bring
from tests.e2e.test_tabs import open_tab
from tests.support.running_app import RunningApp
from tests.support.tiny import make_adapter
from tests.support.tiny_model import TINY


def archive_in(folder: Path) -> Path:
    return Path(shutil.make_archive(str(folder / NAME), "zip", make_adapter(TINY, folder / "adapter")))


def test_everything_is_deleted_once_it_is_confirmed(app: RunningApp, page: Page, tmp_path: Path) -> None:
    """And the page shows nothing that is gone: it is loaded anew, and says what has happened."""
    bring(page, archive_in(tmp_path), False)
    there = set(app.data_dir.glob("*/adapters/a-*"))
    assert there
    delete = page.get_by_role("button", name="Delete everything of mine")
    delete.click()
    page.get_by_role("button", name="Keep everything").click()
    expect(page.get_by_role("button", name="Delete everything for good")).to_be_hidden()
    delete.click()
    page.get_by_role("button", name="Delete everything for good").click()
    told = "Deleted for good. Adapters: 1. Training runs: 0. Files: 1. Corrections: 0."
    expect(page.locator("#told")).to_have_text(told)
    expect(page.locator("#pick input")).to_have_value("Base model")
    open_tab(page, "Adapters")
    expect(page.get_by_text("Nothing taught yet.")).to_be_visible()
    assert len(there - set(app.data_dir.glob("*/adapters/a-*"))) == 1
    page.reload()
    expect(page.get_by_role("tab", name="Adapters")).to_be_visible()
    expect(page.locator("#told")).to_be_empty()


def test_a_key_shown_here_opens_the_same_on_another_device(
    app: RunningApp, page: Page, browser: Browser, tmp_path: Path
) -> None:
    """It is not in the page before it is asked for; what is no key is one sentence, and changes nothing."""
    bring(page, archive_in(tmp_path), False)
    key = next(one["value"] for one in page.context.cookies() if one["name"] == COOKIE)
    assert key not in page.content()
    page.get_by_role("button", name="Show my key").click()
    expect(page.locator("#own-key").locator("input, textarea")).to_have_value(key)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#yours").get_by_role("button", name="Copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == key
    other = browser.new_context(locale="en-US").new_page()
    other.goto(app.url)
    open_tab(other, "Adapters")
    expect(other.get_by_text("Nothing taught yet.")).to_be_visible()
    field = other.locator("#other-key").locator("input, textarea")
    field.fill(key[:-1])
    other.get_by_role("button", name="Use this key").click()
    expect(other.locator("#yours .warn")).to_contain_text("This is no key of this server.")
    field.fill(key)
    field.press("Enter")
    expect(other.locator("#told")).to_contain_text("This browser has that key now")
    open_tab(other, "Adapters")
    expect(other.locator(".adapters .big", has_text=NAME).filter(visible=True)).to_be_visible()
    other.context.close()
