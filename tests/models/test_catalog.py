"""The facts of the catalog agree with each other: nobody would notice a slip in a table of numbers."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig

from playground.models import resolve
from playground.models.catalog import (
    CATALOG,
    COMMON_LANGUAGES,
    STARTER,
    STARTER_FOLDER,
    CatalogEntry,
    best_fitting,
    fitting_models,
    hub_id,
    name_inside,
    name_of,
)
from playground.models.resolve import resolve_model
from playground.tasks.registry import all_tasks
from tests.support.running_app import ROOT

ENTRIES = (STARTER, *CATALOG)


def lfm2(heads: int, width: int, layers: int, attention: set[int], adjusted: bool = True) -> tuple[str, dict[str, Any]]:
    kinds = ["full_attention" if layer in attention else "conv" for layer in range(layers)]
    own = {"num_attention_heads": heads, "intermediate_size": width, "layer_types": kinds, "conv_L_cache": 3}
    return "lfm2", own | {"block_auto_adjust_ff_dim": adjusted, "block_multiple_of": 256, "conv_bias": False}


def granite(
    heads: int, width: int, mamba: tuple[int, int], layers: int, attention: set[int]
) -> tuple[str, dict[str, Any]]:
    own = {"num_attention_heads": heads, "shared_intermediate_size": width, "num_local_experts": 0}
    states = {"mamba_n_heads": mamba[0], "mamba_d_head": mamba[1], "mamba_d_state": 128, "mamba_n_groups": 1}
    kinds = ["attention" if layer in attention else "mamba" for layer in range(layers)]
    return "granitemoehybrid", own | states | {"mamba_proj_bias": False, "layer_types": kinds}


def qwen(heads: int, width: int, value_heads: int) -> tuple[str, dict[str, Any]]:
    own = {"num_attention_heads": heads, "head_dim": 256, "intermediate_size": width}
    linear = {"linear_num_key_heads": 16, "linear_key_head_dim": 128, "linear_value_head_dim": 128}
    return "qwen3_5_text", own | linear | {"linear_num_value_heads": value_heads}


SIX, EIGHT, FOUR = {2, 5, 8, 10, 12, 14}, {2, 5, 9, 13, 17, 21, 24, 27}, {5, 15, 25, 35}
OTHER_NUMBERS = {
    "LiquidAI/LFM2-350M": lfm2(16, 6656, 16, SIX),
    "LiquidAI/LFM2-700M": lfm2(24, 10240, 16, SIX),
    "LiquidAI/LFM2.5-1.2B-Instruct": lfm2(32, 12288, 16, SIX),
    "LiquidAI/LFM2-2.6B": lfm2(32, 10752, 30, EIGHT, adjusted=False),
    "ibm-granite/granite-4.0-h-350m": granite(12, 2048, (48, 32), 32, {10, 13, 17, 27}),
    "ibm-granite/granite-4.0-h-1b": granite(12, 4096, (48, 64), 40, FOUR),
    "ibm-granite/granite-4.0-h-micro": granite(32, 8192, (64, 64), 40, FOUR),
    "Qwen/Qwen3.5-0.8B": qwen(8, 3584, 16),
    "Qwen/Qwen3.5-4B": qwen(16, 9216, 32),
}
"""Of config.json, beside what the catalog holds."""


def known(model: CatalogEntry) -> str:
    return model.model_id


def test_each_model_stands_there_once() -> None:
    """Its name alone leads back to its id."""
    assert len({model.model_id.lower() for model in CATALOG}) == len(CATALOG)
    assert [hub_id(model.name) for model in CATALOG] == [model.model_id for model in CATALOG]
    assert [name_of(model.model_id) for model in CATALOG] == [model.name for model in CATALOG]


def test_from_small_to_large() -> None:
    sizes = [model.memory_gib_4bit for model in CATALOG]
    assert sizes == sorted(sizes)
    assert sizes[0] < 0.2
    assert sizes[-1] > 16


@pytest.mark.parametrize("model", ENTRIES, ids=known)
def test_facts_are_there(model: CatalogEntry) -> None:
    assert model.licence
    assert model.source.startswith("https://huggingface.co/")
    assert model is STARTER or model.source.endswith(model.model_id)
    assert model.model_id == "starter" or model.model_id.count("/") == 1
    assert model.num_parameters > 10**8
    assert model.download_bytes >= 2 * model.num_parameters or model is STARTER or model.name.startswith("Qwen3.5")
    assert model.languages
    assert "English" in model.languages
    assert len(set(model.languages)) == len(model.languages)


@pytest.mark.parametrize("model", ENTRIES, ids=known)
def test_shape_is_that_of_the_name(model: CatalogEntry) -> None:
    """A digit too many in one of the numbers shows in the layers' width: it lies within a few times the hidden size."""
    shape = model.shape
    assert shape is not None
    assert shape.num_parameters == model.num_parameters
    assert 0.5 < shape.linear_parameters / (12 * shape.num_layers * shape.hidden_size**2) < 2.5
    told = model.name.rpartition(" ")[2]
    if told[-1] in "BM" and told[:-1].replace(".", "").isdigit():
        size = float(told[:-1]) * {"B": 10**9, "M": 10**6}[told[-1]]
        assert 0.9 < model.num_parameters / size < 1.7


@pytest.mark.parametrize("model", ENTRIES, ids=known)
def test_good_for_is_two_sentences_for_people(model: CatalogEntry) -> None:
    """What it does well and what it does not, short enough for a line or two of a list."""
    line = model.good_for
    assert line.endswith(".")
    assert line.count(". ") == 1
    assert 40 < len(line) <= 130
    assert line[0].isupper()


@pytest.mark.parametrize("model", ENTRIES, ids=known)
def test_tasks_are_those_that_there_are(model: CatalogEntry) -> None:
    assert model.tasks
    assert set(model.tasks) | set(model.weak_tasks) <= set(all_tasks())
    assert not set(model.tasks) & set(model.weak_tasks)


def test_the_starter_is_the_smallest() -> None:
    smallest = CATALOG[0]
    assert (smallest.name, smallest.shape, smallest.weak_tasks) == (STARTER.name, STARTER.shape, STARTER.weak_tasks)
    assert STARTER.translated_languages == ("German", "French")
    assert STARTER.languages == ("English",)


def test_more_parameters_are_better() -> None:
    """A large vocabulary takes memory and teaches nothing; of two alike the later one is taken, never one for code."""
    best = [best_fitting(gib) for gib in range(1, 100)]
    assert [model.num_parameters // 10**8 for model in best] == sorted(model.num_parameters // 10**8 for model in best)
    assert not [model.name for model in best if "Coder" in model.name]
    assert best[-1].model_id == "Qwen/Qwen3-32B"


def test_nobody_is_given_a_model_that_answers_one_at_a_time() -> None:
    """It stands in the list for who chooses it."""
    alone = {model.model_id for model in CATALOG if model.one_at_a_time}
    assert {"LiquidAI/LFM2-350M", "ibm-granite/granite-4.0-h-1b", "Qwen/Qwen3.5-0.8B"} <= alone
    assert not alone & {model.model_id for model in fitting_models(1000)}
    assert len(fitting_models(1000)) + len(alone) == len(CATALOG)


@pytest.mark.parametrize("model", [model for model in CATALOG if model.one_at_a_time], ids=known)
def test_size_is_that_of_the_family_as_transformers_makes_it(model: CatalogEntry) -> None:
    """Where layers are of several kinds the numbers of the catalog do not tell the parameters, so they are counted."""
    with torch.device("meta"):
        made = AutoModelForCausalLM.from_config(family_of(model))
    made.tie_weights()
    assert made.num_parameters() == model.num_parameters


def family_of(model: CatalogEntry) -> PretrainedConfig:
    """The rest of its config.json: widths, heads and kinds of layers."""
    assert model.shape is not None
    kind, own = OTHER_NUMBERS[model.model_id]
    shape = {
        "vocab_size": model.shape.vocab_size,
        "hidden_size": model.shape.hidden_size,
        "num_hidden_layers": model.shape.num_layers,
        "num_key_value_heads": model.shape.num_kv_heads,
        "tie_word_embeddings": model.shape.tied,
    }
    return AutoConfig.for_model(kind, **(shape | own))


def test_gated_models_are_those_of_meta_and_google() -> None:
    """Whoever adds one looks its terms up."""
    owners = {model.model_id.partition("/")[0] for model in CATALOG if model.gated}
    assert owners == {"meta-llama", "google"}


def test_common_languages_are_for_a_model_that_nobody_described() -> None:
    assert COMMON_LANGUAGES[0] == "English"
    assert {"Chinese", "Polish", "Hindi"} <= set(COMMON_LANGUAGES)


def test_reading_it_brings_no_torch() -> None:
    """The page and the commands that only name a model start without it; the same for what fits."""
    code = "import sys, playground.models.catalog, playground.models.fit; assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_cpu_gets_the_best_that_is_here_and_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU and a setting; nothing is fetched for it, and nobody waits for one word a second."""
    here = {"Qwen/Qwen3-0.6B", "Qwen/Qwen2.5-0.5B-Instruct", "Qwen/Qwen3-8B"}
    monkeypatch.setattr(resolve.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(resolve.hub_cache, "present", lambda model: STARTER_FOLDER if model in here else None)
    monkeypatch.setattr(resolve, "free_bytes", lambda: 64 * 2**30)
    for gigabytes_per_s, best in ((0.1, "starter"), (30, "Qwen/Qwen3-0.6B"), (1000, "Qwen/Qwen3-8B")):
        monkeypatch.setattr(resolve.fit, "memory_speed", lambda speed=gigabytes_per_s: speed * 1e9)
        assert resolve_model("auto").id == best
    here.clear()
    assert resolve_model("auto").id == "starter"


def test_the_name_of_a_folder() -> None:
    assert name_of("/home/ann/tiny-llama") == "tiny-llama"
    assert name_of("/home/ann/qwen/hf") == "qwen/hf"
    assert name_of("/home/ann/qwen/model") == "qwen/model"


@pytest.mark.parametrize(
    ("folder", "config", "card", "shown"),
    [
        ("hf", '{"_name_or_path": "/data/checkpoints/Qwen2.5-0.5B/"}', "", "Qwen2.5-0.5B"),
        ("model", '{"_model_name_or_path": "Qwen2.5 Coder"}', "# Another", "Qwen2.5 Coder"),
        ("0123456789abcdef0123456789abcdef01234567", "{}", "---\nlicense: mit\n---\n# A fine model\n", "A fine model"),
        ("hf", '{"_name_or_path": "../hf"}', "", "qwen/hf"),
        ("hf", "no json", "", "qwen/hf"),
        ("hf", '["list"]', "# " + "long " * 30, "qwen/hf"),
        ("tiny-llama", '{"_name_or_path": "Another"}', "# Another", "tiny-llama"),
    ],
)
def test_a_folder_that_is_called_anyhow_shows_the_name_of_its_model(
    tmp_path: Path, folder: str, config: str, card: str, shown: str
) -> None:
    place = tmp_path / "qwen" / folder
    place.mkdir(parents=True)
    (place / "config.json").write_text(config, encoding="utf-8")
    (place / "README.md").write_text(card, encoding="utf-8")
    assert name_inside(place) == shown
