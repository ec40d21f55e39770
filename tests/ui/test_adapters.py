"""The Adapters tab in a real browser: a zip comes in, the adapter and the whole model go out, and it all ends well."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.sync_api import Locator, Page, expect, sync_playwright
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from tests.support.adapter_mutations import packed
from tests.support.browser import ARGUMENTS, chromium
from tests.support.running_app import RunningApp, running_app
from tests.support.tiny import make_adapter
from tests.support.tiny_model import TINY

NAME = "Sea talk"
MAKING_MS = 120_000


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with running_app(tmp_path_factory.mktemp("page")) as running:
        yield running


@pytest.fixture(scope="module")
def page(app: RunningApp) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = browser.new_context(locale="en-US").new_page()
        page.set_default_timeout(60_000)
        page.goto(app.url)
        page.get_by_role("tab", name="Adapters").click()
        yield page
        browser.close()


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For the app's model, with weights small enough not to overflow it."""
    folder = make_adapter(TINY, tmp_path_factory.mktemp("adapter") / "a")
    weights = load_file(folder / "adapter_model.safetensors")
    save_file({name: weight / 20 for name, weight in weights.items()}, folder / "adapter_model.safetensors")
    return folder


def _bring(page: Page, name: str, content: bytes) -> None:
    with page.expect_file_chooser() as chooser:
        button(page, "Import").click()
    chooser.value.set_files([{"name": name, "mimeType": "application/zip", "buffer": content}])


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True).filter(visible=True)


def test_a_zip_comes_in(page: Page, adapter: Path) -> None:
    """Defends the import: refused with its reason on the page, or there under the file's name."""
    parts = {f"Sea talk/{path.name}": path.read_bytes() for path in adapter.iterdir()}
    _bring(page, "Sea_talk.zip", packed({**parts, "../evil": b"x"}))
    page.get_by_text("a path that leads out of it").wait_for()
    expect(page.get_by_text("Nothing taught yet.")).to_be_visible()
    _bring(page, "Sea_talk.zip", packed(parts))
    page.locator(".big", has_text=NAME).filter(visible=True).wait_for()


def test_one_of_another_model_asks(page: Page, adapter: Path) -> None:
    """Defends the choice: which model it names is said, and it is used here only when somebody says so."""
    parts = {path.name: path.read_bytes() for path in adapter.iterdir()}
    config = json.loads(parts["adapter_config.json"]) | {"base_model_name_or_path": "people/tiny-bnb-4bit"}
    _bring(page, "Of_another.zip", packed({**parts, "adapter_config.json": json.dumps(config).encode()}))
    page.get_by_text("It names people/tiny-bnb-4bit as its model").wait_for()
    expect(button(page, "Use it")).to_have_count(0)
    button(page, "Use it all the same").click()
    expect(button(page, "Use it")).to_be_visible()
    expect(button(page, "Use it all the same")).to_have_count(0)
    button(page, "Delete").click()
    button(page, "Delete for good").click()
    page.locator(".big", has_text=NAME).filter(visible=True).wait_for()


def test_the_adapter_goes_out(page: Page) -> None:
    button(page, "Download").click()
    page.get_by_text("Adapter: 0.1 MB. Whole model: 11 MB.").wait_for()
    with page.expect_download() as fetched:
        button(page, "Adapter").click()
    with zipfile.ZipFile(fetched.value.path()) as archive:
        assert set(archive.namelist()) == {"adapter_config.json", "adapter_model.safetensors", "README.md"}
    expect(button(page, "Whole model")).to_have_count(0)


def test_the_whole_model_goes_out(app: RunningApp, page: Page, adapter: Path, tmp_path: Path) -> None:
    """Defends the download, one at a time, cancelling, and that the next visitor is served after it."""
    client = Client(app.url, verbose=False, download_files=str(tmp_path))
    with pytest.raises(AppError, match="true or false"):
        client.predict(NAME, "yes", api_name="/export_adapter")
    button(page, "Download").click()
    button(page, "Whole model").click()
    page.get_by_text("put the whole model together").filter(visible=True).wait_for()
    with pytest.raises(AppError, match="Another whole model"):
        client.predict(NAME, True, api_name="/export_adapter")
    button(page, "Cancel").click()
    expect(button(page, "Cancel")).to_have_count(0)
    button(page, "Download").click()
    with page.expect_download(timeout=MAKING_MS) as fetched:
        button(page, "Whole model").click()
    assert fetched.value.suggested_filename == "Sea-talk-whole-model.zip"
    with zipfile.ZipFile(fetched.value.path()) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    changed, same = "model.layers.0.self_attn.q_proj.weight", "model.embed_tokens.weight"
    with (
        safe_open(TINY / "model.safetensors", "pt") as base,
        safe_open(tmp_path / "model.safetensors", "pt") as whole,
    ):
        assert bool((base.get_tensor(same) == whole.get_tensor(same)).all())
        assert not bool((base.get_tensor(changed) == whole.get_tensor(changed)).all())
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "llama"
    assert "# Sea talk" in (tmp_path / "README.md").read_text()
    kept = app.data_dir / "uploads" / "downloads"
    assert len(list(kept.glob("*/whole-*"))) == 1
    expect(button(page, "Cancel")).to_have_count(0)
