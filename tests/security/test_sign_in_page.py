"""Defends signing in as a person does it, in a real browser: there, back as somebody, and out."""

from playwright.sync_api import expect, sync_playwright

from tests.security.openid_provider import Provider
from tests.support.browser import ARGUMENTS, chromium
from tests.support.running_app import RunningApp

PATIENCE_MS = 60_000


def test_a_person_signs_in_and_out(account_app: RunningApp, provider: Provider) -> None:
    """The account's name comes from outside, and is a text whatever it is."""
    provider.name = "<img src=x onerror=alert(1)> Ann"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US").new_page()
        page.set_default_timeout(PATIENCE_MS)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
        page.goto(account_app.url)
        link = page.get_by_role("link", name="Sign in with Hugging Face")
        expect(link).to_have_attribute("rel", "noopener", timeout=PATIENCE_MS)
        expect(link).to_have_attribute("target", "_blank", timeout=PATIENCE_MS)  # for a frame; here it is not needed
        link.click()
        expect(page.locator("#account span")).to_have_text(provider.name, timeout=PATIENCE_MS)
        assert page.url.rstrip("/").startswith(account_app.url)
        expect(page.locator("#account img")).to_have_count(0)
        page.get_by_role("button", name="Sign out").click()
        expect(link).to_be_visible(timeout=PATIENCE_MS)
        browser.close()
    provider.name = "Ann"
    assert errors == []
