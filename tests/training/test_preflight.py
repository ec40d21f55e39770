"""What a run will take is found out by trying it, in a process that never outlives whom it is for."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from playground.errors import TrainingError
from playground.training.config import TrainingConfig
from playground.training.preflight import shrink as fit
from playground.training.preflight.client import Preflight
from playground.training.preflight.result import PreflightRequest, PreflightResult, preflight_request
from playground.training.preflight.shrink import candidates, changes
from tests.support.configs import changed
from tests.support.training_runs import is_gone, stored, wait_for

VALUES = TrainingConfig(max_steps=40, r=4, lora_alpha=8, per_device_train_batch_size=4, max_length=128)


@pytest.fixture
def trials(tmp_path: Path) -> Iterator[Preflight]:
    made = Preflight(tmp_path)
    yield made
    made.close()


def sample(model: Path, owner: str = "ann") -> PreflightRequest:
    return preflight_request(owner, *stored(), model=str(model), quantization="4bit")


def test_one_process_answers_until_its_owner_leaves(trials: Preflight, tiny_model_folder: Path) -> None:
    """Figures of the whole run; other values are tried in the same process; a stranger's leaving does not end it."""
    tried = trials.measure(sample(tiny_model_folder), VALUES).result()
    pid = trials.pid()
    assert pid is not None
    assert tried.values == VALUES
    assert tried.peak_bytes is not None
    assert 0 < tried.start_s < tried.seconds
    assert (tried.num_steps, tried.num_rows, tried.num_truncated) == (40, 9, 0)
    assert 0 < tried.trained_share < 1
    assert tried.fits

    cut = trials.measure(sample(tiny_model_folder), changed(VALUES, max_length=tried.longest - 1)).result()
    assert cut.num_truncated > 0
    with pytest.raises(TrainingError, match=r"Only 0 of the examples .* The answer begins only after"):
        trials.measure(sample(tiny_model_folder), changed(VALUES, max_length=8)).result()
    again = trials.measure(sample(tiny_model_folder), changed(VALUES, gradient_checkpointing=True, packing=True))
    assert again.result().num_steps == 40
    trials.stop("bob")
    assert trials.pid() == pid

    waiting = trials.measure(sample(tiny_model_folder), changed(VALUES, per_device_train_batch_size=9))
    trials.stop("ann")
    with pytest.raises(TrainingError, match="ended before"):
        waiting.result()
    wait_for(lambda: is_gone(pid))


def test_nothing_is_tried_beside_a_run(trials: Preflight) -> None:
    """A trial that waited for its turn does not begin while a run trains."""
    trials.hold()
    with pytest.raises(TrainingError, match="Another run is going on"):
        trials.measure(sample(Path()), VALUES).result()
    assert trials.pid() is None


def test_what_does_not_fit_is_made_to_fit(trials: Preflight, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch is cut first; the search ends with the first values that fit, or with the smallest there are."""
    asked: list[TrainingConfig] = []

    def measure(_sample: PreflightRequest, values: TrainingConfig) -> PreflightResult:
        asked.append(values)
        return PreflightResult(
            values, free_bytes=1000, peak_bytes=300 * values.per_device_train_batch_size, longest=100
        )

    monkeypatch.setattr(trials, "_measure", measure)
    values = changed(VALUES, per_device_train_batch_size=8, r=16)
    fitted = trials.fit(sample(Path()), values).result()
    assert fitted.fits
    assert changes(values, fitted.values) == [
        ("per_device_train_batch_size", 8, 2),
        ("gradient_accumulation_steps", 1, 4),
    ]
    assert [one.per_device_train_batch_size for one in asked] == [8, 4, 2]

    monkeypatch.setattr(fit, "SPARE", 1000.0)
    smallest = trials.fit(sample(Path()), values).result()
    assert not smallest.fits
    last = smallest.values
    assert (last.per_device_train_batch_size, last.max_length, last.r) == (1, 64, 4)
    assert last.gradient_checkpointing
    assert last.lora_alpha / last.r == values.lora_alpha / values.r


def test_smaller_values_change_what_matters_least_first() -> None:
    """Batch, checkpointing, length, rank, in this order; what a step sees in all stays as it was."""
    values = TrainingConfig(per_device_train_batch_size=2, max_length=128, r=8)
    tried = [values, *candidates(values)]
    changed = [[name for name, _, _ in changes(one, other)] for one, other in pairwise(tried)]
    assert changed == [
        ["per_device_train_batch_size", "gradient_accumulation_steps"],
        ["gradient_checkpointing"],
        ["max_length"],
        ["r", "lora_alpha"],
    ]
    seen = {one.per_device_train_batch_size * one.gradient_accumulation_steps for one in candidates(values)}
    assert seen == {2}


def test_too_little_memory_even_to_try() -> None:
    """A trial that the system ended for want of memory does not fit."""
    assert not PreflightResult(VALUES, free_bytes=10**12).fits
