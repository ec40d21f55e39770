"""A model fits where weights, cache and adapter go into three quarters of the memory, and its files on the disk."""

import time

import pytest

from playground.models import fit
from playground.models.fit import memory_bytes, memory_speed, why_not, words_per_s
from playground.models.model_shape import ModelShape

QWEN3_8B = ModelShape(8_190_735_360, 151936, 4096, 36, 8, 128, False)
SMOLLM2 = ModelShape(134_515_008, 49152, 576, 30, 3, 64, True)
PLENTY = 10**15
GIB = 2**30


def test_what_fits_says_nothing() -> None:
    assert why_not(QWEN3_8B, 16 * 10**9, False, "4bit", PLENTY, PLENTY) is None


def test_memory_is_weights_cache_and_adapter() -> None:
    """To the byte: one less than needed, and it does not fit."""
    needed = memory_bytes(QWEN3_8B, "4bit")
    assert needed == (QWEN3_8B.weights_bytes("4bit") + QWEN3_8B.cache_bytes(4096, 2) + QWEN3_8B.adapter_bytes())
    least = -(-needed * 4 // 3)
    assert why_not(QWEN3_8B, 0, True, "4bit", least, 0) is None
    assert why_not(QWEN3_8B, 0, True, "4bit", least - 2, 0) is not None


def test_memory_is_said_in_plain_words() -> None:
    """Rounded up what it takes and down what is free: never the same number twice where it does not fit."""
    said = why_not(QWEN3_8B, 0, True, "4bit", 4 * 10**9, PLENTY)
    assert str(said) == "It takes 7.2 GB of memory, and 3.0 GB are free for a model here."
    just = why_not(QWEN3_8B, 0, True, "4bit", memory_bytes(QWEN3_8B, "4bit") * 4 // 3 - 8, PLENTY)
    assert just is not None
    assert just.fields["needed"] != just.fields["free"]


def test_precision_counts() -> None:
    assert why_not(QWEN3_8B, 0, True, "4bit", 12 * 10**9, 0) is None
    assert why_not(QWEN3_8B, 0, True, "8bit", 12 * 10**9, 0) is not None
    assert why_not(QWEN3_8B, 0, True, "4bit", 12 * 10**9, 0, dtype_bytes=4) is not None


def test_disk_keeps_two_gib() -> None:
    """Files that are there already need none."""
    files = 5 * 10**9
    assert why_not(SMOLLM2, files, False, "4bit", PLENTY, files + 2 * GIB) is None
    said = why_not(SMOLLM2, files, False, "4bit", PLENTY, files + 2 * GIB - 10**8)
    assert str(said) == "Its files take 5.0 GB, and 4.9 GB of the disk are free for them here."
    assert why_not(SMOLLM2, files, True, "4bit", PLENTY, 0) is None
    assert "0.0 GB of the disk" in str(why_not(SMOLLM2, files, False, "4bit", PLENTY, 0))


def test_an_unknown_model_is_judged_by_its_files_alone() -> None:
    assert why_not(None, 10**9, False, "4bit", 0, PLENTY) is None
    assert why_not(None, 10**9, False, "4bit", 0, 0) is not None


def test_speed_follows_memory_and_size() -> None:
    """The bundled model at the 22 GB/s that its two cores read: it was measured to write 27 tokens a second there."""
    assert words_per_s(SMOLLM2, "4bit", 4, 22e9) == pytest.approx(27 * 0.75, rel=0.1)
    assert words_per_s(SMOLLM2, "4bit", 4, 44e9) == pytest.approx(2 * words_per_s(SMOLLM2, "4bit", 4, 22e9))
    assert words_per_s(SMOLLM2, "4bit", 2, 22e9) > words_per_s(SMOLLM2, "4bit", 4, 22e9)
    assert words_per_s(QWEN3_8B, "4bit", 2, 22e9) < words_per_s(SMOLLM2, "4bit", 2, 22e9) / 30


def test_memory_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    memory_speed.cache_clear()
    found = memory_speed()
    assert 1e8 < found < 1e14
    monkeypatch.setattr(fit, "_seconds_to_read", lambda *_: pytest.fail("read again"))
    start = time.perf_counter()
    assert memory_speed() == found
    assert time.perf_counter() - start < 0.01
