"""Defends teaching by correcting, in a real browser: the pencil, the count, the list, and the way to Fine-tune."""

import json
import re
import shutil
from contextlib import suppress
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect

from tests.e2e.test_compare import bring, switch
from tests.e2e.test_tabs import open_tab, run
from tests.support.running_app import RunningApp
from tests.support.tiny import make_adapter
from tests.support.tiny_model import TINY

CHAT = "#generate-chat"


def ask(page: Page, prompt: str) -> None:
    page.locator("#generate-prompt textarea").fill(prompt)
    run(page, "generate")


def shortly(page: Page) -> None:
    page.get_by_label("number input for Longest answer, in words").fill("16")
    page.get_by_role("radio", name="Exact").check()


def pencils(page: Page, chat: str = CHAT) -> Locator:
    return page.locator(chat).get_by_role("button", name="Correct this answer")


def correct(page: Page, text: str, place: int = -1) -> None:
    """Change an answer, the last one unless `place` says otherwise."""
    box = page.locator(f"{CHAT} .edit-textarea")
    presses = 0
    while not box.is_visible():  # a pencil is shut for the moment in which the last correction's answer comes
        presses += 1
        assert presses <= 10
        pencils(page).nth(place).click()
        with suppress(TimeoutError):
            box.wait_for(timeout=2000)
    box.fill(text)
    page.locator(CHAT).get_by_role("button", name="Keep the correction").click()


def note(page: Page, says: str) -> None:
    expect(page.locator(".correcting")).to_contain_text(says)


def test_eight_corrections_lead_to_fine_tune(page: Page) -> None:
    keep_five(page)
    page.reload()
    note(page, "5 kept, 3 more to go.")
    expect(page.locator("#corrections-teach")).to_be_hidden()
    shortly(page)
    for number in range(6, 9):
        ask(page, f"Tell me about the number {number}.")
        correct(page, f"Squawk! {number} nuts.")
        note(page, f"{number} kept")
    the_list_holds_all_eight(page)
    fine_tune_learns_the_corrected_answers(page)
    dropped_ones_leave_the_list(page)


def keep_five(page: Page) -> None:
    note(page, "becomes an example to learn from")
    expect(page.locator("#corrections-look")).to_be_hidden()
    shortly(page)
    ask(page, "Who are you?")
    expect(page.locator(f"{CHAT} button[aria-label='Correct this answer']:visible")).to_have_count(1)
    correct(page, "I am your parrot.")
    note(page, "1 kept, 7 more to go.")
    for number in range(2, 6):
        ask(page, f"Tell me about the number {number}.")
        correct(page, f"Squawk! {number} nuts.")
        note(page, f"{number} kept, {8 - number} more to go.")
    correct(page, "Squawk! Five nuts, please.")  # twice the same answer: still one row
    expect(page.locator(f"{CHAT} .bot.message").last).to_have_text("Squawk! Five nuts, please.")


def the_list_holds_all_eight(page: Page) -> None:
    page.locator("#corrections-look").click()
    rows = page.locator("#corrections label")
    expect(rows).to_have_count(8)
    expect(rows.nth(4)).to_have_text(re.compile(r"number 5\..*Five nuts, please\.", re.DOTALL))
    with page.expect_download() as fetched:
        page.get_by_role("button", name="Download").filter(visible=True).click()
    lines = Path(fetched.value.path()).read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[1])["messages"][1:] == [
        {"role": "assistant", "content": "I am your parrot.", "weight": 0},
        {"role": "user", "content": "Tell me about the number 2."},
        {"role": "assistant", "content": "Squawk! 2 nuts."},
    ]


def fine_tune_learns_the_corrected_answers(page: Page) -> None:
    page.locator("#corrections-teach").click()
    expect(page.get_by_text("8 examples, read as whole chats")).to_be_visible()
    expect(page.locator(".as-read mark").first).to_contain_text("I am your parrot.")
    page.get_by_role("button", name="Next ›").filter(visible=True).click()
    expect(page.get_by_text("2 of 8")).to_be_visible()
    expect(page.locator(".as-read mark")).to_have_count(1)  # of a conversation only the corrected answer is learnt
    expect(page.locator(".as-read mark")).to_contain_text("2 nuts.")
    page.get_by_role("button", name="Next: teach").click()
    expect(page.get_by_label("Name of the adapter")).to_have_value("Corrections")


def dropped_ones_leave_the_list(page: Page) -> None:
    open_tab(page, "Generate")
    note(page, "8 kept")
    rows = page.locator("#corrections label")
    rows.first.click()
    page.get_by_role("button", name="Drop the chosen one").click()
    expect(rows).to_have_count(7)
    note(page, "7 kept, 1 more to go.")
    expect(page.locator("#corrections-teach")).to_be_hidden()
    page.get_by_role("button", name="Clear all").click()
    page.get_by_role("button", name="Clear for good").click()
    expect(page.locator(f"{CHAT} .bot.message").first).to_be_visible()
    expect(page.locator("#corrections-look")).to_be_hidden()


def test_the_model_reads_the_corrected_answer(page: Page) -> None:
    """With greedy answers the second one can only differ by what stands before it."""
    shortly(page)
    follow_ups = []
    for corrected in (None, "My name is Polly, and I live on a ship with a captain."):
        page.get_by_role("button", name="New chat").click()
        expect(page.locator(f"{CHAT} .bot.message")).to_have_count(0)
        ask(page, "What is your name?")
        if corrected:
            correct(page, corrected)
            note(page, "1 kept")
        ask(page, "Where do you live?")
        follow_ups.append(page.locator(f"{CHAT} .bot.message").last.inner_text())
    assert follow_ups[0] != follow_ups[1]


def test_what_is_kept_looks_kept_until_it_is_dropped(page: Page) -> None:
    answers = f"[...document.querySelectorAll('{CHAT} .bot.message')]"  # none for a moment, while it is drawn anew
    kept = f"{answers}.some((one) => getComputedStyle(one, '::after').content.includes('kept as an'))"
    shortly(page)
    ask(page, "Who are you?")
    correct(page, "I am your parrot.")
    page.wait_for_function(kept)
    page.locator("#corrections-look").click()
    page.locator("#corrections").get_by_role("radio").check()
    page.get_by_role("button", name="Drop the chosen one").click()
    note(page, "becomes an example to learn from")
    page.wait_for_function(f"!{kept}")
    expect(page.locator(f"{CHAT} .bot.message")).to_have_text("I am your parrot.")


def test_an_empty_or_unchanged_correction_keeps_nothing(page: Page) -> None:
    shortly(page)
    ask(page, "Who are you?")
    answer = page.locator(f"{CHAT} .bot.message")
    before = answer.inner_text()
    correct(page, "  ")
    expect(page.get_by_text("A corrected answer cannot be empty.")).to_be_visible()
    expect(answer).to_have_text(before)
    correct(page, f"{before} ")
    correct(page, "Somebody else.")
    note(page, "1 kept, 7 more to go.")
    correct(page, before)
    expect(page.locator(".correcting")).not_to_contain_text("kept")


def test_someone_without_a_key_is_told_how_to_get_one(page: Page) -> None:
    shortly(page)
    ask(page, "Who are you?")
    page.context.clear_cookies()
    correct(page, "Somebody else.")
    expect(page.get_by_text("This server does not know you yet.")).to_be_visible()
    expect(page.locator(".correcting")).not_to_contain_text("kept")


def test_beside_the_base_model_only_the_adapter_is_corrected(page: Page, tmp_path: Path) -> None:
    adapter = make_adapter(TINY, tmp_path / "adapter")
    archive = Path(shutil.make_archive(str(tmp_path / "Other voice"), "zip", adapter))
    bring(page, archive, compare=False)
    open_tab(page, "Generate")
    shortly(page)
    ask(page, "Who are you?")
    switch(page).check()
    ask(page, "And who am I?")
    expect(page.locator(f"{CHAT}-base .bot.message")).to_have_count(2)  # it reads the whole conversation so far
    expect(pencils(page, f"{CHAT}-base")).to_have_count(0)
    expect(pencils(page)).to_have_count(2)
    correct(page, "You are my friend.")
    note(page, "1 kept")
    page.get_by_role("radio", name="Continue a text").check()
    expect(page.locator(".correcting")).to_be_hidden()
    expect(page.get_by_role("button", name="Correct this answer")).to_have_count(0)


def test_it_fits_a_phone(app: RunningApp, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
    visitor = context.new_page()
    visitor.goto(app.url)
    visitor.locator("#generate-prompt textarea").fill("Who are you?")
    run(visitor, "generate")
    visitor.locator(CHAT).get_by_role("button", name="修改这个回答").click()
    visitor.locator(f"{CHAT} .edit-textarea").fill("A long answer with many words in it, " * 12)
    assert sideways(visitor) <= 0
    visitor.locator(CHAT).get_by_role("button", name="保留修改").click()
    expect(visitor.locator(".correcting")).to_contain_text("已保留 1 条，还差 7 条。")
    visitor.locator("#corrections-look").click()
    expect(visitor.locator("#corrections label")).to_be_in_viewport()
    assert sideways(visitor) <= 0
    context.close()


def sideways(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
