"""Defends the repairs as a person sees them: the row before and after, and what switching one off and on changes."""

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.e2e.test_tabs import open_tab
from tests.support.running_app import RunningApp

ROWS = ("  Who are you?,A duck.", "...,-", "Who is there?,Me. ", *(f"What is {n}?,{n} ducks." for n in range(9)))
TRIM, LEAVE_OUT = "Trim stray spaces in rows: 2 (1, 3)", "Leave out rows without a letter or a number: 1 (2)"


def bring(page: Page, path: Path) -> None:
    path.write_text("question,answer\n" + "\n".join(ROWS) + "\n")
    open_tab(page, "Fine-tune")
    page.locator(".drop input[type=file]").set_input_files(str(path))
    page.get_by_role("button", name="Next: check them").click()


def changed(page: Page, row: int) -> Locator:
    """The cells of the table of what the repairs change, for a row of the file."""
    return page.locator(".repairs tr").filter(has=page.get_by_role("cell", name=str(row), exact=True)).locator("td")


def test_a_repair_is_shown_and_can_be_switched_off_and_on(app: RunningApp, page: Page, tmp_path: Path) -> None:
    bring(page, tmp_path / "ducks.csv")
    expect(page.get_by_text("11 of 12 examples can be used")).to_be_visible()
    expect(page.get_by_text("1 of 11")).to_be_visible()
    expect(changed(page, 1)).to_have_text(["1", "␣␣Who are you?", "Who are you?"])
    expect(changed(page, 2)).to_have_text(["2", "... | -", "left out"])
    expect(changed(page, 3)).to_have_text(["3", "Me.␣", "Me."])

    page.get_by_label(LEAVE_OUT).uncheck()
    expect(page.get_by_text("12 examples, read as")).to_be_visible()
    expect(page.get_by_text("1 of 12")).to_be_visible()
    expect(changed(page, 2)).to_have_count(0)
    expect(changed(page, 1)).to_have_count(3)
    page.get_by_role("button", name="Next ›").filter(visible=True).click()
    expect(page.locator(".as-read")).to_contain_text("...")

    page.get_by_label(LEAVE_OUT).check()
    expect(page.get_by_text("1 of 11")).to_be_visible()
    expect(changed(page, 2)).to_have_count(3)
    page.get_by_label(TRIM).uncheck()
    expect(changed(page, 1)).to_have_count(0)
    expect(page.get_by_text("11 of 12 examples can be used")).to_be_visible()
    page.get_by_role("button", name="Next ›").filter(visible=True).click()
    expect(page.locator(".as-read")).to_contain_text("Who is there?")
