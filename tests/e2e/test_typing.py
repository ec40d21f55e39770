"""Defends what a visitor types or chooses: whatever the page puts into a field, theirs wins."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.test_compare import archive, bring, choose  # noqa: F401  (a fixture)
from tests.e2e.test_tabs import WRITTEN, open_tab

JOIN = "**/gradio_api/queue/join*"


@contextmanager
def held(page: Page) -> Iterator[None]:
    """Let no event reach the server until the end: what the visitor does meanwhile comes before its answer."""
    waiting: list[Route] = []
    page.route(JOIN, lambda route: waiting.append(route))
    try:
        yield
    finally:
        for route in waiting:
            route.continue_()
        page.unroute(JOIN)


def to_teach(page: Page) -> None:
    open_tab(page, "Fine-tune")
    page.get_by_role("button", name="Talk like a pirate").click()
    page.get_by_role("button", name="Next: teach").click()
    expect(page.get_by_label("Name of the adapter").first).to_have_value("Pirate talk")


def test_what_is_typed_in_teach_stays(page: Page) -> None:
    to_teach(page)
    name, watched = page.get_by_label("Name of the adapter").first, page.get_by_label("From your examples")
    expect(watched).to_have_value(WRITTEN)
    page.get_by_role("button", name="Advanced settings").click()
    rank, epochs = (page.get_by_label(name, exact=True) for name in ("r", "epochs"))
    before = epochs.input_value()
    with held(page):
        page.get_by_role("radio", name="Thorough").check()
        rank.fill("3")  # before the values of the thorough choice have come
    expect(epochs).not_to_have_value(before)
    expect(rank).to_have_value("3")
    name.fill("My parrot")
    watched.fill("Who is a pretty bird?")
    page.get_by_role("button", name="Back").filter(visible=True).click()
    page.get_by_role("button", name="Talk like a pirate").wait_for(state="hidden")
    page.get_by_role("button", name="Next: teach").click()
    page.get_by_role("radio", name="Normal").check()
    expect(epochs).to_have_value(before)
    for field, typed in ((name, "My parrot"), (watched, "Who is a pretty bird?"), (rank, "3")):
        expect(field).to_have_value(typed)


def test_what_nobody_typed_follows_the_file(page: Page) -> None:
    to_teach(page)
    page.get_by_label("From your examples").fill("Who is a pretty bird?")
    page.get_by_role("button", name="Back").filter(visible=True).click()
    expect(page.get_by_role("button", name="Next: teach")).to_be_visible()  # each step has a "Back" of its own
    page.get_by_role("button", name="Back").filter(visible=True).click()
    page.get_by_role("button", name="Sort messages").click()
    page.get_by_role("button", name="Next: teach").click()
    expect(page.get_by_label("Name of the adapter").first).to_have_value("Sort messages")
    expect(page.get_by_label("From your examples")).to_have_value("Who is a pretty bird?")


def test_an_example_is_asked_at_once(page: Page) -> None:
    """In the browser itself: from the server it could come after what was typed meanwhile."""
    # Gradio draws what is folded in only when it is opened, and twice within a tenth of a second.
    page.get_by_text("More controls").click()
    expect(page.locator(".brand").first).to_contain_text("tiny")
    with held(page):
        page.locator(".try:visible .chip").first.click()
        expect(page.locator("#generate-stop")).to_be_visible()
        page.locator("#generate-prompt textarea").fill("My own words")
        page.get_by_role("radio", name="Exact").check()
        temperature = page.get_by_label(re.compile("number input for Temperature"))
        expect(temperature).to_have_value("0")
        temperature.fill("1.5")
        open_tab(page, "Translate")
        page.locator(".try:visible .chip").first.click()
        expect(page.locator("#translate-text textarea")).to_have_value(WRITTEN)
    expect(page.locator("#translate-result textarea")).to_have_value(WRITTEN)
    open_tab(page, "Generate")
    expect(page.locator("#generate-chat .bot.message")).to_have_text(WRITTEN)
    expect(page.locator("#generate-prompt textarea")).to_have_value("My own words")
    expect(temperature).to_have_value("1.5")


def test_the_last_of_two_quick_choices_wins(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("height,width,depth\n" + "".join(f"tall {n},wide {n},deep {n}\n" for n in range(6)))
    open_tab(page, "Fine-tune")
    page.locator(".drop input[type=file]").set_input_files(str(path))
    page.get_by_role("button", name="Next: check them").click()
    with held(page):
        for role, column in (("The question is in", "height"), ("The answer is in", "width")):
            page.get_by_label(role).click()
            page.get_by_role("option", name=column).click()
            expect(page.get_by_role("option")).to_have_count(0)
    expect(page.locator(".as-read mark").first).to_contain_text("wide 0")
    expect(page.get_by_label("The question is in")).to_have_value("height")
    expect(page.get_by_label("The answer is in")).to_have_value("width")


def test_columns_that_few_files_have_are_asked_for_when_somebody_wants_them(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "roles.csv"
    path.write_text("question,answer,mood\n" + "".join(f"What is {n}?,It is {n}.,cheerful\n" for n in range(8)))
    open_tab(page, "Fine-tune")
    page.locator(".drop input[type=file]").set_input_files(str(path))
    page.get_by_role("button", name="Next: check them").click()
    role = page.get_by_label("The role of the model is in (optional)")
    expect(page.get_by_label("The answer is in")).to_have_value("answer")
    expect(role).to_be_hidden()
    expect(page.get_by_text("Not used: mood")).to_be_visible()
    page.get_by_role("button", name="More columns").click()
    role.click()
    page.get_by_role("option", name="mood").click()
    expect(page.locator(".as-read").first).to_contain_text("cheerful")
    expect(page.get_by_text("Not used: mood")).to_be_hidden()
    expect(page.get_by_label("The answer is in")).to_have_value("answer")
    expect(page.get_by_role("button", name="More columns")).to_be_hidden()


def test_whom_one_chose_stays_while_an_adapter_is_renamed(page: Page, archive: Path) -> None:  # noqa: F811
    bring(page, archive, compare=False)
    page.get_by_role("button", name="Rename").click()
    page.locator(".adapters .asking").get_by_role("textbox").fill("New voice")
    with held(page):
        page.get_by_role("button", name="Save").click()
        choose(page, "Base model")
    expect(page.get_by_role("radio", name="New voice")).to_be_visible()
    expect(page.locator("#pick input")).to_have_value("Base model")
    choose(page, "New voice")
    page.get_by_role("button", name="Rename").click()
    page.locator(".adapters .asking").get_by_role("textbox").fill("Third voice")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#pick input")).to_have_value("Third voice")


def test_a_text_cannot_be_written_in_while_the_model_writes(page: Page) -> None:
    page.get_by_role("radio", name="Continue a text").check()
    text = page.locator("#generate-text textarea")
    text.fill("Once upon a time")
    page.locator("#continue-go").click()
    expect(page.locator("#continue-stop")).to_be_visible()
    expect(text).to_be_disabled()
    page.locator("#continue-stop").click()
    expect(text).to_be_enabled()


def draft(page: Page) -> Locator:
    return page.locator("#generate-prompt textarea")


def test_what_is_typed_while_an_answer_comes_stays(page: Page) -> None:
    draft(page).fill("Tell a long story about a cat and a dog.")
    with held(page):
        draft(page).press("Enter")
        expect(draft(page)).to_have_value("")  # at the send, whatever the server does
        expect(page.locator("#generate-stop")).to_be_visible()
        draft(page).press_sequentially("And what")
        draft(page).press("Enter")
        draft(page).press_sequentially(" happened")
        expect(draft(page)).to_have_value("And what happened")
    answers, asked = (page.locator(f"#generate-chat .{who}.message") for who in ("bot", "user"))
    expect(answers).to_have_text(WRITTEN)
    draft(page).press_sequentially(" next in the forest?", delay=50)
    expect(page.locator("#generate-go")).to_be_visible()
    expect(draft(page)).to_have_value("And what happened next in the forest?")
    expect(asked).to_have_count(1)
    draft(page).press("Enter")
    expect(draft(page)).to_have_value("")
    expect(answers).to_have_count(2)
    expect(asked.last).to_have_text("And what happened next in the forest?")


def test_a_message_right_after_an_answer_is_not_lost(page: Page) -> None:
    """Each is typed while the one before is answered, and sent as soon as Send is back."""
    page.get_by_label("number input for Longest answer, in words").fill("16")
    said = [f"Tell me about the number {number}." for number in range(5)]
    draft(page).fill(said[0])
    for place, following in enumerate([*said[1:], ""], 1):
        draft(page).press("Enter")
        expect(page.locator("#generate-chat .user.message")).to_have_count(place)
        draft(page).fill(following)
        expect(page.locator("#generate-go")).to_be_visible()
    expect(page.locator("#generate-chat .bot.message")).to_have_count(len(said))
    expect(page.locator("#generate-chat .user.message")).to_have_text(said)
    expect(page.get_by_text("Write or paste a text first.")).to_have_count(0)


def test_an_error_gives_back_what_was_sent_unless_more_was_typed(page: Page) -> None:
    too_long = "A cat and a dog. " * 400
    draft(page).fill(too_long)
    draft(page).press("Enter")
    expect(page.get_by_text("Shorten it").first).to_be_visible()
    expect(draft(page)).to_have_value(too_long)
    expect(page.locator("#generate-go")).to_be_visible()  # until then Enter does not send
    with held(page):
        draft(page).press("Enter")
        expect(draft(page)).to_have_value("")
        expect(page.locator("#generate-stop")).to_be_visible()
        draft(page).fill("Something shorter")
    expect(page.locator("#generate-go")).to_be_visible()
    expect(draft(page)).to_have_value("Something shorter")
