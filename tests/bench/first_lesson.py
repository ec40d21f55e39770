"""From choosing a file to reading the verdict, in a browser, as somebody does for the first time: `python -m
tests.bench.first_lesson [--rows N]`.

A visitor opens Fine-tune on a fresh app with the starter, picks a file, and presses what leads on; presses and seconds
are counted in the page. Prints one Markdown table. Seconds depend on the machine; run it on an idle one.
"""

import argparse
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.browser import ARGUMENTS, chromium
from tests.support.running_app import ROOT, running_app

FILES = ("sort_messages.csv", "pirate_talk.csv")
MAX_MS = 600_000
COUNT_PRESSES = """
window.presses = 0;
addEventListener("pointerdown", event => { window.presses += event.isTrusted ? 1 : 0 }, true);
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=150, help="at most so many rows of each file")
    options = parser.parse_args()
    print("| file | upload to verdict | clicks | promised |\n|---|---|---|---|", flush=True)
    for name in FILES:
        with (
            tempfile.TemporaryDirectory() as folder,
            running_app(Path(folder), PLAYGROUND_MODEL="starter") as app,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
            file, rows = shortened(name, options.rows, Path(folder))
            seconds, presses, verdict = prepared(browser, app.url, file)
            browser.close()
        print(f"| {rows} rows of `{name}` | {seconds:.0f} s | {presses} | 120 s, 4 clicks |", flush=True)
        print(f"{name}: {verdict}", file=sys.stderr, flush=True)


def shortened(name: str, rows: int, folder: Path) -> tuple[Path, int]:
    """The first rows of a ready file, and how many there are."""
    with (ROOT / "assets" / "examples" / name).open(encoding="utf-8") as whole:
        lines = list(islice(whole, rows + 1))
    file = folder / name
    file.write_text("".join(lines), encoding="utf-8")
    return file, len(lines) - 1


def prepared(browser: Browser, url: str, file: Path) -> tuple[float, int, str]:
    """Seconds from the press on the upload to the verdict, presses meanwhile, and the verdict."""
    page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="en-US")
    page.set_default_timeout(60_000)
    page.goto(url)
    page.get_by_role("tab", name="Fine-tune").click()
    page.locator(".drop input[type=file]").wait_for(state="attached")
    page.evaluate(COUNT_PRESSES)
    began = time.monotonic()
    choose(page, file)
    for button in ("Next: check them", "Next: teach", "Start teaching"):
        page.get_by_role("button", name=button).click()
    verdict = page.locator(".verdict").first
    verdict.wait_for(timeout=MAX_MS)
    return time.monotonic() - began, int(page.evaluate("window.presses")), verdict.inner_text()


def choose(page: Page, file: Path) -> None:
    with page.expect_file_chooser() as dialog:
        page.locator(".drop button").first.click()
    dialog.value.set_files(str(file))


if __name__ == "__main__":
    main()
