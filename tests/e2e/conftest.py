"""One app and one browser for all browser tests; every test gets a fresh visitor.

Both end with this package: while Playwright lives, nothing else may run an event loop in this thread.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.browser import ARGUMENTS, chromium
from tests.support.running_app import RunningApp, running_app

PATIENCE_MS = 60_000
"""How long to wait for a condition; the cores are shared."""
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="package")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """Strangers' mode, so that what two visitors see can be compared."""
    folder: Path = tmp_path_factory.mktemp("app")
    with running_app(folder, PLAYGROUND_MODE="public") as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def page(app: RunningApp, browser: Browser) -> Iterator[Page]:
    """A new visitor on the page, in English, on a desktop; a script error on the page fails the test, and
    so does what its own policy forbids."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    visitor = context.new_page()
    visitor.set_default_timeout(PATIENCE_MS)
    errors: list[str] = []
    visitor.on("pageerror", lambda error: errors.append(str(error)))
    visitor.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    visitor.goto(app.url)
    yield visitor
    context.close()
    assert errors == []
