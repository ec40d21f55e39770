"""A model that was quantized once is read as it was, and nothing else is ever read in its place."""

import os
import shutil
from pathlib import Path

import pytest
import torch

from playground.models import quantized_cache
from playground.models.loader import LoadedModel, load_model
from playground.models.quantized_cache import MAX_MODELS, QuantizedCache
from playground.models.weights import read_ahead
from tests.support.tiny import make_llama


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> QuantizedCache:
    """Keeps small models too."""
    monkeypatch.setattr(quantized_cache, "MIN_PARAMETERS", 0)
    return QuantizedCache(tmp_path / "quantized")


@pytest.fixture
def model(tiny_model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model_folder, tmp_path / "model"))


def load(model: Path, cache: QuantizedCache | None, setting: str = "4bit") -> LoadedModel:
    return load_model(str(model), setting, cache=cache)  # type: ignore[arg-type]


@torch.inference_mode()
def logits(loaded: LoadedModel) -> torch.Tensor:
    return loaded.model(input_ids=torch.arange(8)[None]).logits


def test_what_is_read_is_what_was_quantized(model: Path, cache: QuantizedCache) -> None:
    """The same bits, and the same facts: an adapter must not see which of both it is."""
    without, first = load(model, None), load(model, cache)
    (entry,) = cache.newest()
    (entry / "proof").touch()
    second = load(model, cache)
    assert (entry / "proof").exists()
    assert torch.equal(logits(without), logits(first))
    assert torch.equal(logits(without), logits(second))
    assert without.info == first.info == second.info
    assert second.model.config._name_or_path == str(model)
    assert second.tokenizer.eos_token_ids == without.tokenizer.eos_token_ids


def test_other_weights_are_quantized_anew(model: Path, cache: QuantizedCache, tmp_path: Path) -> None:
    """Even where only a time tells: of a large file, the fingerprint reads samples."""
    load(model, cache)
    os.utime(model / "model.safetensors", ns=(1, 1))
    load(model, cache)
    assert len(cache.newest()) == 2
    other = load(make_llama(tmp_path / "other", seed=7), cache)
    assert not torch.equal(logits(other), logits(load(model, cache)))


@pytest.mark.parametrize("damage", ["cut", "gone", "config"])
def test_what_is_damaged_is_made_again(model: Path, cache: QuantizedCache, damage: str) -> None:
    want = logits(load(model, cache))
    (entry,) = cache.newest()
    weights = entry / "model.safetensors"
    if damage == "cut":
        os.truncate(weights, weights.stat().st_size // 2)
    elif damage == "gone":
        weights.unlink()
    else:
        (entry / "config.json").write_text("{")
    assert torch.equal(logits(load(model, cache)), want)
    assert weights.stat().st_size > 1000


def test_the_last_ones_stay(cache: QuantizedCache, tmp_path: Path) -> None:
    models = [make_llama(tmp_path / str(seed), seed) for seed in range(MAX_MODELS + 1)]
    for number, model in enumerate(models):
        load(model, cache)
        os.utime(cache.newest()[0], (number, number))
    kept = cache.newest()
    assert len(kept) == MAX_MODELS
    load(models[0], cache)
    assert kept[0] in cache.newest()


def test_a_full_disk_keeps_no_model_from_starting(
    model: Path, cache: QuantizedCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(quantized_cache, "publish_folder", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
        assert load(model, cache).info.quantization == "4bit"
    monkeypatch.setattr(quantized_cache, "MIN_FREE_BYTES", 2**60)
    assert load(model, cache).info.quantization == "4bit"
    assert cache.newest() == []


def test_what_is_not_4bit_is_not_kept(model: Path, cache: QuantizedCache) -> None:
    for setting in ("none", "8bit"):
        load(model, cache, setting)
    assert cache.newest() == []


@pytest.mark.parametrize("setting", ["starter", "a/b", "no such: name", ""])
def test_reading_ahead_never_fails(setting: str, tmp_path: Path) -> None:
    read_ahead(setting, tmp_path / "nothing")
