"""Data by name, on the page and by the API, from a stand-in hub."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import expect, sync_playwright

from tests.support.browser import ARGUMENTS, chromium
from tests.support.hub import Hub, running_hub
from tests.support.published.sets import squad_like
from tests.support.running_app import RunningApp, running_app

SET = "people/squad"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with running_hub() as running:
        running.datasets[SET] = squad_like()
        yield running


@pytest.fixture(scope="module")
def app(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    home = tmp_path_factory.mktemp("hf")
    with running_app(
        tmp_path_factory.mktemp("page"), HF_HUB_OFFLINE="0", HF_ENDPOINT=hub.url, HF_HOME=str(home)
    ) as running:
        yield running


def test_by_the_api(app: RunningApp, tmp_path: Path) -> None:
    """Defends programs: what there is, and what would be taught, by the set's name."""
    client = Client(app.url, verbose=False)
    told = client.predict(SET, api_name="/dataset_facts")
    assert [one["name"] for one in told["configurations"]] == ["plain_text", "moods"]
    seen = client.predict(None, dataset=SET, configuration="moods", rows=12, api_name="/inspect_dataset")
    assert (seen["rows"], seen["format"]) == (12, "text_label")
    with pytest.raises(AppError, match="no configuration 'nope'"):
        client.predict(None, "Moods", dataset=SET, configuration="nope", api_name="/train")
    file = tmp_path / "a.csv"
    file.write_text("question,answer\na,b\nc,d\n")
    for given, arguments, said in (
        (None, {"dataset": "people/none"}, "no set of data people/none"),
        (None, {"dataset": SET, "rows": 0}, "rows must be a whole number"),
        (None, {}, "Send a file first"),
        (handle_file(str(file)), {"dataset": SET}, "not both"),
    ):
        with pytest.raises(AppError, match=said):
            client.predict(given, **arguments, api_name="/inspect_dataset")


def test_on_the_page(app: RunningApp) -> None:
    """Defends the way of a person: what a set holds is seen before rows are taken, and they lead to the next step."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = browser.new_context(locale="en-US").new_page()
        page.set_default_timeout(60_000)
        page.goto(app.url)
        page.get_by_role("tab", name="Fine-tune").click()
        name = page.get_by_placeholder("rajpurkar/squad")
        name.fill("people/none")
        page.get_by_role("button", name="Look", exact=True).click()
        page.get_by_text("There is no set of data people/none").wait_for()
        name.fill(SET)
        page.get_by_role("button", name="Look", exact=True).click()
        page.get_by_text("people/squad · 800 rows").wait_for()
        page.get_by_label("Rows").fill("40")
        page.get_by_role("button", name="Take them").click()
        expect(page.get_by_text("40 examples, read as questions with answers")).to_be_visible()
        browser.close()
