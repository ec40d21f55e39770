"""Defends single rows as a person sees them: any of them is found, changed, left out and taken back, and what was
changed is what is taught; and a file that is made on the page."""

import json
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.e2e.test_tabs import open_tab
from tests.support.running_app import RunningApp

ROWS = ("Who are you?,A duck.", "Why?,", "What is it?, It is a bird.", *(f"What is {n}?,{n} ducks." for n in range(9)))


def bring(page: Page, path: Path) -> None:
    path.write_text("question,answer\n" + "\n".join(ROWS) + "\n")
    open_tab(page, "Fine-tune")
    page.locator(".drop input[type=file]").set_input_files(str(path))
    page.get_by_role("button", name="Next: check them").click()


def shown(page: Page) -> Locator:
    return page.locator(".shown-row.prose")


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name).filter(visible=True)


def find(page: Page, words: str) -> None:
    page.get_by_placeholder("Find").fill(words)
    page.get_by_placeholder("Find").press("Enter")


def write(page: Page, asked: str, answer: str) -> None:
    button(page, "Change it").click()
    page.get_by_label("What is asked").fill(asked)
    page.locator(".writing").get_by_label("The answer").fill(answer)
    button(page, "Keep the change").click()


def test_rows_are_found_changed_left_out_and_taken_back(page: Page, tmp_path: Path) -> None:
    bring(page, tmp_path / "ducks.csv")
    expect(page.get_by_text("Row 1 · 1 of 11")).to_be_visible()

    page.get_by_role("button", name="Row 2 is left out").click()  # what was noticed leads to its row
    expect(shown(page)).to_contain_text("This row is not taught.")
    write(page, "Why?", "So that it floats.")
    expect(shown(page).locator("mark")).to_have_text("So that it floats.")
    expect(page.get_by_text("Changed by you.")).to_be_visible()
    expect(page.get_by_text("12 examples, read as")).to_be_visible()

    find(page, "12")
    expect(shown(page)).to_contain_text("8 ducks.")
    button(page, "Next ›").click()
    expect(shown(page)).to_contain_text("A duck.")
    button(page, "Leave it out").click()
    expect(shown(page)).to_contain_text("You left this row out.")
    expect(page.get_by_text("11 of 12 examples can be used")).to_be_visible()
    button(page, "Take it back").click()
    expect(page.get_by_text("12 examples, read as")).to_be_visible()

    find(page, "BIRD")
    expect(page.get_by_text("Row 3 · 1 of 1")).to_be_visible()
    button(page, "All rows").click()
    expect(page.get_by_text("Row 3 · 3 of 12")).to_be_visible()
    page.get_by_role("button", name="You changed rows: 1").click()
    expect(shown(page)).to_contain_text("So that it floats.")
    button(page, "Undo the change").click()
    expect(shown(page)).to_contain_text("This row is not taught.")

    find(page, "99")
    expect(page.get_by_text("There is no row 99 in the file")).to_be_visible()


def test_a_change_survives_a_reload(page: Page, tmp_path: Path) -> None:
    """So do the choices beside it; and what is being written stays while another choice is made."""
    bring(page, tmp_path / "ducks.csv")
    button(page, "Change it").click()
    page.locator(".writing").get_by_label("The answer").fill("Two ducks.")
    page.get_by_label("Trim stray spaces").uncheck()
    expect(page.locator(".repairs")).to_have_count(0)
    button(page, "Keep the change").click()
    expect(shown(page).locator("mark")).to_have_text("Two ducks.")

    page.reload()
    open_tab(page, "Fine-tune")
    expect(shown(page).locator("mark")).to_have_text("Two ducks.")
    expect(page.get_by_text("Changed by you.")).to_be_visible()
    expect(page.get_by_label("Trim stray spaces")).not_to_be_checked()


def test_a_made_table_is_taught_with_the_row_that_was_changed(app: RunningApp, page: Page) -> None:
    """What was pasted survives a reload and can be downloaded; the run learns what was written in its place."""
    open_tab(page, "Fine-tune")
    button(page, "Make a small table").click()
    page.locator("#made-paste textarea").fill("\n\n".join(f"Q: What is {n}?\nA: {n} ducks." for n in range(12)))
    button(page, "Put it into the table").click()
    cell = page.locator("#made-table").get_by_test_id("cell-11-1")
    expect(cell).to_contain_text("11 ducks.")
    page.reload()
    open_tab(page, "Fine-tune")
    button(page, "Make a small table").click()
    expect(cell).to_contain_text("11 ducks.")
    page.get_by_label("Name of the file").fill("Ducks / 12")
    with page.expect_download() as download:
        button(page, "Download").click()
    assert download.value.suggested_filename == "Ducks 12.csv"
    assert '"What is 3?","3 ducks."' in download.value.path().read_text()

    button(page, "Save and check").click()
    expect(page.get_by_text("12 examples, read as")).to_be_visible()
    write(page, "What is nothing?", "No duck at all.")
    expect(page.get_by_text("Changed by you.")).to_be_visible()
    find(page, "2")
    expect(shown(page)).to_contain_text("1 ducks.")
    button(page, "Leave it out").click()
    expect(page.get_by_text("11 of 12 examples can be used")).to_be_visible()
    button(page, "Next: teach").click()
    page.get_by_label("Name of the adapter").fill("Counted ducks")
    button(page, "Start teaching").click()
    expect(button(page, "Stop and keep what it learnt")).to_be_visible()
    [train] = [path for path in app.data_dir.glob("*/jobs/*/train.jsonl") if "duck at all" in path.read_text()]
    rows = [json.loads(line) for name in ("train", "held_out") for line in (train.parent / f"{name}.jsonl").open()]
    taught = {row["row"]: [message["content"] for message in row["messages"]] for row in rows}
    assert taught[1] == ["What is nothing?", "No duck at all."]
    assert sorted(taught) == [1, *range(3, 13)]
    button(page, "Stop and keep what it learnt").click()
