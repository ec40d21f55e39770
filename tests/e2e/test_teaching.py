"""Defends the whole path in a browser: a file, a training, the swap, another answer, and the base as before."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_tabs import WRITTEN, open_tab, run
from tests.support.running_app import RunningApp

QUESTION = "How are you today?"
ANSWER = "Quack quack, I am the happy duck of the pond."
TRAINING_MS = 420_000


def ask(page: Page) -> str:
    """A greedy answer to the question, in a new chat."""
    open_tab(page, "Generate")
    page.get_by_role("button", name="New chat").click()
    expect(page.locator("#generate-chat .bot.message")).to_have_count(0)
    page.get_by_role("radio", name="Exact").check()
    page.locator("#generate-prompt textarea").fill(QUESTION)
    run(page, "generate")
    answer = page.locator("#generate-chat .bot.message")
    expect(answer).to_have_text(WRITTEN)
    return answer.inner_text()


def ask_as_a_stranger(app: RunningApp, browser: Browser) -> str:
    """Another visitor's answer; nobody else's adapter is on offer to them."""
    stranger = browser.new_context(locale="en-US")
    other = stranger.new_page()
    other.set_default_timeout(30_000)
    other.goto(app.url)
    answer = ask(other)
    other.locator("#pick input").click()
    expect(other.get_by_role("option")).to_have_count(1)
    stranger.close()
    return answer


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    asked = (
        "Who are you?,What is new?,Where do you live?,Are you well?,What do you say?,What do you like?,What is that?,"
        "Where are you?,What do you see?,Do you swim?,Is it cold?,Who is there?,What do you eat?,Do you sing?"
    )
    rows = [f"{question},{ANSWER}" for question in (QUESTION, *asked.split(","))]
    path = tmp_path / "duck.csv"
    path.write_text("question,answer\n" + "\n".join(rows).replace(f",{ANSWER}", f',"{ANSWER}"') + "\n")
    return path


def test_teach_swap_answer_and_back(app: RunningApp, page: Page, browser: Browser, prepared: Path) -> None:
    before = ask(page)
    open_tab(page, "Fine-tune")
    page.locator(".drop input[type=file]").set_input_files(str(prepared))
    page.get_by_role("button", name="Next: check them").click()
    expect(page.locator(".as-read mark").first).to_contain_text("Quack")
    page.get_by_role("button", name="Next: teach").click()
    page.get_by_label("Name of the adapter").fill("Duck talk")
    page.get_by_role("button", name="Start teaching").click()
    expect(page.get_by_role("button", name="Stop and keep what it learnt")).to_be_visible()
    expect(page.locator("#run-curve polyline").first).to_be_attached(timeout=TRAINING_MS)

    open_tab(page, "Generate")  # the other tabs keep answering meanwhile
    assert ask(page) == before

    open_tab(page, "Fine-tune")
    expect(page.locator(".strip").filter(has_text="Base model").first).to_be_visible(timeout=TRAINING_MS)
    expect(page.get_by_text("What else changed")).to_be_visible(timeout=TRAINING_MS)
    expect(page.locator(".verdict").first).to_contain_text("never saw")
    page.get_by_role("button", name="Try it in Generate").click()
    expect(page.locator("#pick input")).to_have_value(re.compile("Duck talk"))
    for half in ("#generate-chat-base", "#generate-chat"):  # a new chat, already asked, side by side
        expect(page.locator(f"{half} .user.message")).to_have_count(1)
        expect(page.locator(f"{half} .bot.message")).to_have_text(WRITTEN)
    page.get_by_label("Compare with base").uncheck()
    taught = ask(page)
    assert taught != before
    assert "uack" in taught

    assert ask_as_a_stranger(app, browser) == before

    page.locator("#pick input").click()
    page.get_by_role("option", name="Base model").click()
    assert ask(page) == before

    open_tab(page, "Fine-tune")
    page.get_by_role("button", name="Choose another step").click()
    page.get_by_role("radio", name="Step").first.check()
    page.get_by_role("button", name="Make it an adapter").click()
    expect(page.locator("#pick input")).to_have_value(re.compile("Duck talk, step"), timeout=60_000)

    page.reload()
    expect(page.get_by_role("button", name="Try it in Generate")).to_be_visible()  # where it was
    open_tab(page, "Adapters")
    expect(page.locator("#runs .tbl tr")).to_have_count(2)
    expect(page.locator("#runs-curve polyline").first).to_be_attached()
    expect(page.locator(".adapters").get_by_text("Duck talk").first).to_be_visible()
    expect(page.locator(".adapters").get_by_text("bit for bit").first).to_be_visible()


def test_an_empty_file_says_so_and_leads_nowhere(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "nothing.csv"
    path.write_text("")
    open_tab(page, "Fine-tune")
    page.locator(".drop input[type=file]").set_input_files(str(path))
    expect(page.get_by_text(re.compile("is empty"))).to_be_visible()
    expect(page.get_by_role("button", name="Next: check them")).to_be_disabled()
    expect(page.get_by_text("Drop a file here")).to_be_visible()  # the box is free for another


def test_columns_that_are_not_recognized_can_be_matched_by_hand(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("height,width\n" + "".join(f"tall {n},wide {n}\n" for n in range(6)))
    open_tab(page, "Fine-tune")
    page.locator(".drop input[type=file]").set_input_files(str(path))
    page.get_by_role("button", name="Next: check them").click()
    expect(page.get_by_role("button", name="Next: teach")).to_be_disabled()
    expect(page.get_by_text("wide 2")).to_be_visible()  # the first rows help to choose
    for role, column in (("The question is in", "height"), ("The answer is in", "width")):
        page.get_by_label(role).click()
        page.get_by_role("option", name=column).click()
        expect(page.get_by_role("option")).to_have_count(0)  # the list has closed before the next one opens
    expect(page.locator(".as-read mark").first).to_contain_text("wide 0")
    expect(page.get_by_role("button", name="Next: teach")).to_be_enabled()
