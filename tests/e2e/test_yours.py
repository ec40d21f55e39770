"""Defends a visitor's own section at the end of Adapters: deleting everything is asked about, done, and said."""

import shutil
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.test_compare import NAME, bring
from tests.e2e.test_tabs import open_tab
from tests.support.running_app import RunningApp
from tests.support.tiny import make_adapter
from tests.support.tiny_model import TINY


def test_everything_is_deleted_once_it_is_confirmed(app: RunningApp, page: Page, tmp_path: Path) -> None:
    """And the page shows nothing that is gone: it is loaded anew, and says what has happened."""
    bring(page, Path(shutil.make_archive(str(tmp_path / NAME), "zip", make_adapter(TINY, tmp_path / "adapter"))), False)
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
