"""Takes the pictures in `assets/screenshots` from the real app with the starter: `python -m tests.screenshots`."""

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, sync_playwright

from tests.support.browser import ARGUMENTS, chromium
from tests.support.running_app import ROOT, RunningApp, running_app

FOLDER = ROOT / "assets" / "screenshots"
QUESTION = "What should I eat for breakfast?"
TRAINING_MS = 900_000


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data,
        running_app(Path(data), PLAYGROUND_MODEL="starter") as app,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = open_page(browser, app, dark=False, width=1440, height=900)
        page.locator("#models").click()
        page.locator("#model-panel .stack label").filter(has_text="Qwen3 0.6B").click()
        page.locator("#model-facts").get_by_text("Qwen3 0.6B").wait_for()
        shoot(page, "models")
        page.get_by_role("button", name="Close").click()
        teach(page)
        ask(page)
        shoot(page, "generate")
        page.get_by_role("button", name="New chat").click()
        page.get_by_label("Compare with base").check()
        ask(page)
        shoot(page, "compare")
        page.get_by_label("Compare with base").uncheck()
        for task, tab, example in (
            ("translate", "Translate", 0),
            ("summarize", "Summarize", 0),
            ("sentiment", "Sentiment", 1),
            ("answer", "Question answering", 0),
        ):
            page.locator("#pick input").click()
            page.get_by_role("option").first.click()
            run_example(page, task, tab, example)
            shoot(page, task)
        page.get_by_role("tab", name="Adapters").click()
        page.get_by_text("Proof of the switch").wait_for()
        shoot(page, "adapters")
        page.close()
        dark = open_page(browser, app, dark=True, width=1440, height=900)
        run_example(dark, "generate", "Generate", 0)
        shoot(dark, "generate-dark")
        dark.close()
        phone = open_page(browser, app, dark=False, width=390, height=844)
        run_example(phone, "generate", "Generate", 1)
        shoot(phone, "phone")
        browser.close()


def open_page(browser: Browser, app: RunningApp, *, dark: bool, width: int, height: int) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale="en-US", color_scheme="dark" if dark else "light"
    )
    context.add_init_script("localStorage.setItem('playground_no_offer', '1')")
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(f"{app.url}/?__theme={'dark' if dark else 'light'}")
    page.locator("#generate-go").wait_for()
    return page


def teach(page: Page) -> None:
    """From a ready file to its adapter, with a picture of each step."""
    page.get_by_role("tab", name="Fine-tune").click()
    page.get_by_role("button", name="Talk like a pirate").wait_for()
    shoot(page, "finetune-bring")
    page.get_by_role("button", name="Talk like a pirate").click()
    page.locator(".as-read mark").first.wait_for()
    shoot(page, "finetune-check")
    page.get_by_role("button", name="Next: teach").click()
    page.get_by_label("Name of the adapter").fill("Pirate talk")
    page.get_by_role("button", name="Start teaching").click()
    page.get_by_text("Step ").filter(visible=True).first.wait_for()
    page.wait_for_function(
        "[...document.querySelectorAll('.big')].some(big => parseInt(big.innerText) >= 40 && big.offsetParent)",
        timeout=TRAINING_MS,
    )
    shoot(page, "finetune")
    page.get_by_role("button", name="Try it in Generate").wait_for(timeout=TRAINING_MS)
    page.locator(".answers td").nth(8).wait_for()
    shoot(page, "finetune-result")
    page.get_by_role("button", name="Try it in Generate").click()


def ask(page: Page) -> None:
    page.get_by_role("radio", name="Exact").check()
    for question in (QUESTION, "How do I learn to swim?"):
        page.locator("#generate-prompt textarea").fill(question)
        run(page, "generate")


def run_example(page: Page, task: str, tab: str, example: int) -> None:
    page.get_by_role("tab", name=tab).click()
    run(page, task, page.locator(".try:visible .chip").nth(example))


def run(page: Page, task: str, pressed: Locator | None = None) -> None:
    (pressed or page.locator(f"#{task}-go")).click()
    page.locator(f"#{task}-stop").wait_for()
    page.locator(f"#{task}-go").wait_for()


def shoot(page: Page, name: str) -> None:
    page.mouse.move(0, 0)
    page.screenshot(path=str(FOLDER / f"{name}.png"))


if __name__ == "__main__":
    main()
