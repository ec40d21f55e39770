"""What the page says of a run before it begins: the newest question is answered, and nothing is tried for nobody."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from playground.data_dir import DataDir
from playground.errors import InputError
from playground.i18n.catalog import CHINESE, ENGLISH, gettext
from playground.sandbox.sandbox import Sandbox
from playground.service import preflight as preflight_service
from playground.service.datasets import DatasetService
from playground.service.finetuning import FinetuningService
from playground.service.reading.dataset import DatasetFile
from playground.training.config import TrainingConfig
from playground.training.preflight.result import PreflightRequest, PreflightResult
from playground.ui.finetune.preflight import estimated, fitted, found, refused
from playground.ui.finetune.presets import pace_of
from tests.support.configs import changed
from tests.support.tiny import make_info

SAY = partial(gettext, ENGLISH)
VALUES = TrainingConfig()
FITS = PreflightResult(
    VALUES, 8 * 10**9, 4 * 10**8, seconds=60.0, start_s=10.0, num_steps=50, num_rows=40, trained_share=0.5
)


@dataclass
class SlowPreflight:
    """Keeps the futures that it hands out, and notes who was stopped."""

    asked: list[tuple[TrainingConfig, "Future[PreflightResult]"]] = field(default_factory=list)
    stopped: list[str | None] = field(default_factory=list)

    def measure(self, _sample: PreflightRequest, values: TrainingConfig) -> "Future[PreflightResult]":
        future: Future[PreflightResult] = Future()
        future.set_running_or_notify_cancel()
        self.asked.append((values, future))
        return future

    def stop(self, owner: str | None = None) -> None:
        self.stopped.append(owner)


@pytest.fixture
def preflight(monkeypatch: pytest.MonkeyPatch) -> SlowPreflight:
    monkeypatch.setattr(preflight_service, "SETTLED_S", 0.05)
    monkeypatch.setattr(preflight_service, "_LOOK_S", 0.01)
    return SlowPreflight()


@pytest.fixture
def finetuning(preflight: SlowPreflight, tmp_path: Path, sandbox: Sandbox) -> FinetuningService:
    host: Any = SimpleNamespace(info=make_info())
    nothing: Any = None
    datasets = DatasetService(host, DataDir(tmp_path), sandbox)
    return FinetuningService(host, nothing, nothing, cast(Any, preflight), datasets, "public")


@pytest.fixture
def file(tmp_path: Path) -> DatasetFile:
    path = tmp_path / "pairs.csv"
    path.write_text("question,answer\n" + "".join(f"What is {i}?,It is {i}.\n" for i in range(20)), encoding="utf-8")
    return DatasetFile(path)


async def read(answers: AsyncIterator[PreflightResult | None]) -> list[PreflightResult]:
    return [answer async for answer in answers if answer is not None]


def test_the_newest_question_alone_is_tried(
    finetuning: FinetuningService, preflight: SlowPreflight, file: DatasetFile
) -> None:
    """Of values that are still being typed nothing is tried, and an older trial's answer is not shown over a newer."""

    async def ask() -> tuple[list[PreflightResult], ...]:
        ask = partial(finetuning.preflight, "ann", file, "normal")
        typing = asyncio.create_task(read(ask({"r": 1})))
        await asyncio.sleep(0.01)
        first = asyncio.create_task(read(ask({"r": 16})))
        while not preflight.asked:
            await asyncio.sleep(0.01)
        second = asyncio.create_task(read(ask({"r": 4})))
        while len(preflight.asked) < 2:
            await asyncio.sleep(0.01)
        preflight.asked[1][1].set_result(replace(FITS, values=preflight.asked[1][0]))
        return tuple(await asyncio.gather(typing, first, second))

    typing, first, second = asyncio.run(asyncio.wait_for(ask(), 30))
    assert [values.r for values, _ in preflight.asked] == [16, 4]
    assert (typing, first) == ([], [])
    assert [tried.values.r for tried in second] == [4]
    assert preflight.stopped == []


def test_who_leaves_ends_the_trial(finetuning: FinetuningService, preflight: SlowPreflight, file: DatasetFile) -> None:
    """A page that is closed closes the generator; the process must not go on for nobody."""

    async def leave() -> None:
        answers: Any = finetuning.preflight("ann", file, "normal", {})
        while not preflight.asked:
            assert await anext(answers) is None
        assert await anext(answers) is None
        await answers.aclose()

    asyncio.run(leave())
    assert preflight.stopped == ["ann"]


def test_wrong_values_are_told_and_not_tried(
    finetuning: FinetuningService, preflight: SlowPreflight, file: DatasetFile
) -> None:
    """The sentence stands where the figures would."""
    with pytest.raises(InputError, match=r"^r is 0\.") as caught:
        asyncio.run(read(finetuning.preflight("ann", file, "normal", {"r": 0})))
    assert "r is 0. Use 1 to 256." in refused(SAY, caught.value)
    assert preflight.asked == []


def test_strangers_cannot_make_the_server_report(
    finetuning: FinetuningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a shared server nobody's run talks to another machine."""
    monkeypatch.setattr("playground.training.config.find_spec", lambda name: name)
    with pytest.raises(InputError, match="shared server"):
        finetuning.plan(20, "normal", {"report_to": "wandb"})
    assert finetuning.plan(20, "normal", {"report_to": "none"}).report_to == "none"


def test_sentences() -> None:
    """Each outcome is said in a line, in both languages, with a second one for what becomes of the rows."""
    line = found(SAY, FITS)
    assert "about 1 minute and 0.4 GB of memory. It fits." in line
    assert "It learns to write 50 % of what it reads." in line
    assert "cut off" not in line
    assert "3 of 40 examples are cut off." in found(SAY, replace(FITS, num_truncated=3))
    assert "only 0.4 GB are free. It does not fit." in found(SAY, replace(FITS, free_bytes=4 * 10**8))
    assert "A run may take 60 minutes here" in found(SAY, replace(FITS, seconds=3601.0), 3600.0)
    assert "may take" not in found(SAY, replace(FITS, seconds=3599.0), 3600.0)
    assert "not enough memory even to try" in found(SAY, PreflightResult(VALUES, 10**9))
    smaller = replace(FITS, values=changed(VALUES, per_device_train_batch_size=2, gradient_accumulation_steps=4))
    assert "per_device_train_batch_size 8 → 2, gradient_accumulation_steps 1 → 4" in fitted(SAY, VALUES, smaller)
    assert "Even the smallest" in fitted(SAY, VALUES, replace(smaller, free_bytes=0))
    assert "about 1 minute" in estimated(SAY, 60.0)
    assert "second" not in estimated(SAY, None)
    assert "放得下" in found(partial(gettext, CHINESE), FITS)


def test_other_intensities_are_estimated_from_one_trial() -> None:
    """50 steps of 8 examples took 50 seconds after 10 to get going."""
    assert pace_of(FITS) == (10.0, 50.0 / 400)
