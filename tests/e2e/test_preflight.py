"""Defends the line that tells before a run what it will take, and the button that makes too large a run fit."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_tabs import open_tab
from tests.support.page import real_services, served_page

TRIAL_MS = 240_000
LITTLE_MEMORY = """
import psutil

measured = psutil.virtual_memory
psutil.virtual_memory = lambda: measured()._replace(available=200_000_000)
"""
"""Python runs it first in the process that tries: a machine with 0.2 GB free."""


@pytest.fixture
def cramped(tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The page's address. Served by this process: a second app would take about as long to start as the trials."""
    first, data = tmp_path / "first", tmp_path / "data"
    first.mkdir()
    data.mkdir()
    (first / "sitecustomize.py").write_text(LITTLE_MEMORY)
    paths = os.pathsep.join(filter(None, [str(first), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", paths)
    with real_services(data, str(tiny_model_folder)) as services, served_page(services) as server:
        yield server.url


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    path = tmp_path / "long.csv"
    answer = "The little dog likes to sleep in the garden. " * 5
    path.write_text("question,answer\n" + "".join(f"What about {n}?,{n}: {answer}\n" for n in range(300)))
    return path


def test_a_run_that_is_too_large_is_told_and_made_to_fit(cramped: str, browser: Browser, prepared: Path) -> None:
    """Tried at once, tried again when a value changes, and the button shows the values that it changed."""
    page: Page = browser.new_page(locale="en-US")
    page.goto(cramped)
    open_tab(page, "Fine-tune")
    page.locator(".drop input[type=file]").set_input_files(str(prepared))
    page.get_by_role("button", name="Next: check them").click()
    page.get_by_role("button", name="Next: teach").click()
    line, fit = page.locator(".tried"), page.get_by_role("button", name="Make it fit")
    expect(line).to_contain_text("It fits.", timeout=TRIAL_MS)
    expect(page.get_by_role("radio", name=re.compile("Normal, .* about"))).to_be_checked()
    expect(fit).to_have_count(0)

    page.get_by_role("button", name="Advanced settings").click()
    batch, batches = (
        page.get_by_label(name, exact=True) for name in ("per_device_train_batch_size", "gradient_accumulation_steps")
    )
    batch.fill("256")
    expect(line).to_contain_text("It does not fit.", timeout=TRIAL_MS)
    fit.click()
    expect(line).to_contain_text("It fits now", timeout=TRIAL_MS)
    expect(line).to_contain_text("per_device_train_batch_size 256 →")
    expect(batch).not_to_have_value("256")
    assert int(batch.input_value()) * int(batches.input_value()) == 256
    expect(page.get_by_role("radio", name=re.compile("Normal, .* about"))).to_be_checked()
    expect(fit).to_have_count(0)

    page.get_by_label("r", exact=True).fill("0")
    expect(line).to_contain_text("r is 0. Use 1 to 256.")
    page.close()
