"""Defends what is decided about CUDA cards, on machines that have none: torch is told that it had some."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from playground import gpu
from playground.engine.lora import adapter_cache_bytes
from playground.gpu import card_for_worker, missing_for_training, one_card, spoiled
from playground.memory import KEPT_VARIABLE, free_bytes, give_back_idle_card, out_of_memory
from playground.process import worker_environment

GIB = 2**30


def pretend_cards(
    monkeypatch: pytest.MonkeyPatch, used_gib: Sequence[float], live: int = 0, sizes_gib: Sequence[float] = (16,) * 8
) -> None:
    """So many cards, of which so much is used."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(used_gib))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: live)
    monkeypatch.setattr(torch.cuda, "device_memory_used", lambda index: used_gib[index] * GIB)
    sizes = [SimpleNamespace(total_memory=size * GIB) for size in sizes_gib]
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: sizes[index])


def test_a_worker_gets_the_emptiest_card_but_the_live_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(gpu.VISIBLE, raising=False)
    pretend_cards(monkeypatch, [0, 9, 3], live=0)
    assert card_for_worker() == "2"
    assert worker_environment()[gpu.VISIBLE] == "2"
    pretend_cards(monkeypatch, [0, 9, 3], live=2)
    assert card_for_worker() == "0"
    pretend_cards(monkeypatch, [0, 9, 3], live=0, sizes_gib=(16, 80, 16))
    assert card_for_worker() == "1", "what counts is what is free"


def test_cards_are_named_as_this_process_was_told_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(gpu.VISIBLE, "5,GPU-8e1f,7")
    pretend_cards(monkeypatch, [0, 1, 3])
    assert card_for_worker() == "GPU-8e1f"


def test_one_card_is_shared_with_the_live_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(gpu.VISIBLE, "3")
    pretend_cards(monkeypatch, [4])
    assert card_for_worker() is None
    assert worker_environment()[gpu.VISIBLE] == "3"


def test_without_the_drivers_library_cards_are_taken_for_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(index: int) -> int:
        raise ModuleNotFoundError("pynvml does not seem to be installed")

    monkeypatch.delenv(gpu.VISIBLE, raising=False)
    pretend_cards(monkeypatch, [0, 0])
    monkeypatch.setattr(torch.cuda, "device_memory_used", missing)
    assert card_for_worker() == "1"


def test_without_a_card_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(gpu.VISIBLE, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert card_for_worker() is None
    assert gpu.VISIBLE not in worker_environment()
    assert missing_for_training() is None


@pytest.mark.parametrize(
    ("before", "rank", "after"),
    [(None, None, "0"), ("2,3", None, "2"), ("GPU-a,GPU-b", None, "GPU-a"), ("", None, ""), ("2,3", "1", "2,3")],
)
def test_a_process_sees_one_card(
    before: str | None, rank: str | None, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless it is one of several that train together; and none stays none."""
    for name, value in ((gpu.VISIBLE, before), ("RANK", rank)):
        monkeypatch.setenv(name, value or "")  # so that it is put back, whatever becomes of it
        if value is None:
            monkeypatch.delenv(name)
    one_card()
    assert os.environ[gpu.VISIBLE] == after


def test_workers_see_one_card_before_torch_comes(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from playground.process import become_worker;"
        "become_worker(Path('log'), offline=True); assert 'torch' not in sys.modules;"
        "Path('seen').write_text(os.environ['CUDA_VISIBLE_DEVICES'])"
    )
    environment = worker_environment() | {gpu.VISIBLE: "1,2"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, timeout=60)
    assert (tmp_path / "seen").read_text() == "1"


def test_which_errors_spoil_the_process() -> None:
    assert spoiled(torch.AcceleratorError("CUDA error: an illegal memory access was encountered"))
    assert spoiled(RuntimeError("CUDA error: device-side assert triggered"))
    assert spoiled(RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`"))
    assert not spoiled(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    assert not spoiled(RuntimeError("expected m1 and m2 to have the same dtype"))


@pytest.mark.parametrize(
    "told",
    [
        "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "CUDA error: out of memory",
    ],
)
def test_a_full_card_is_told_as_such_and_spoils_nothing(told: str) -> None:
    assert out_of_memory(RuntimeError(told))
    assert not spoiled(RuntimeError(told))


def test_what_a_training_on_a_card_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(gpu, "find_spec", lambda name: None)
    assert missing_for_training() is None, "without Triton nothing is compiled"
    monkeypatch.setattr(gpu, "find_spec", lambda name: object())
    monkeypatch.setattr("playground.gpu.shutil.which", lambda name: None)
    assert "C compiler" in str(missing_for_training())
    monkeypatch.setattr("playground.gpu.shutil.which", lambda name: "/usr/bin/gcc" if name == "gcc" else None)
    monkeypatch.setattr("playground.gpu.sysconfig.get_paths", lambda: {"include": str(tmp_path)})
    assert "headers of Python" in str(missing_for_training())
    (tmp_path / "Python.h").touch()
    assert missing_for_training() is None


def test_a_worker_on_the_live_models_card_leaves_it_what_it_may_yet_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both would count the same free memory otherwise, and whoever came later would find it taken."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda *_: (10 * GIB, 16 * GIB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda *_: 2 * GIB)
    monkeypatch.delenv(KEPT_VARIABLE, raising=False)
    pretend_cards(monkeypatch, [4])
    assert free_bytes() == 12 * GIB
    monkeypatch.setenv(KEPT_VARIABLE, worker_environment(kept_bytes=5 * GIB)[KEPT_VARIABLE])
    assert free_bytes() == 7 * GIB
    monkeypatch.delenv(KEPT_VARIABLE)
    pretend_cards(monkeypatch, [4, 0])
    assert KEPT_VARIABLE not in worker_environment(kept_bytes=5 * GIB), "on another card there is nobody else"


@pytest.mark.parametrize(("reserved_gib", "given"), [(3.0, True), (1.2, False)])
def test_an_idle_card_is_given_back_where_much_is_held(
    reserved_gib: float, given: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    pretend_cards(monkeypatch, [4])
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda *_: int(reserved_gib * GIB))
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda *_: GIB)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: seen.append(True))
    give_back_idle_card()
    assert bool(seen) == given


def test_adapters_may_take_a_share_of_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """One gigabyte holds no adapter of rank 64 for a model of fourteen billion."""
    card = torch.device("cuda", 0)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda *_: (64 * GIB, 80 * GIB))
    assert adapter_cache_bytes(card) == 8 * GIB
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda *_: (4 * GIB, 16 * GIB))
    assert adapter_cache_bytes(card) == adapter_cache_bytes(torch.device("cpu")) == GIB
