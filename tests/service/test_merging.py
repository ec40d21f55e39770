"""A whole model to take away answers as the base with its adapter does, and never costs the server its health."""

import asyncio
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from playground.adapters.merge import __main__ as module
from playground.adapters.merge.__main__ import merge
from playground.errors import AdapterError, BusyError
from playground.models.loader import load_model
from playground.service.merging import WholeModels
from tests.support.tiny import damage, make_adapter

TOKENS = torch.tensor([[5, 80, 33, 301, 9, 77, 250, 41]])


def _unzipped(path: Path) -> Path:
    folder = path.with_suffix("")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder


def _logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(TOKENS).logits


def _check_same(base: Path, adapter: Path, merged: Path) -> None:
    wanted = _logits(PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter))
    found = _logits(AutoModelForCausalLM.from_pretrained(merged))
    assert (found - wanted).abs().max() < 1e-4
    assert (found - _logits(AutoModelForCausalLM.from_pretrained(base))).abs().max() > 0.1


@pytest.mark.parametrize("which", [0, 1], ids=["plain", "patterns and rsLoRA"])
def test_llama(tiny_model_folder: Path, adapters: list[Path], tmp_path: Path, which: int) -> None:
    """Defends the figures: scaling, ranks and alphas of single layers, rsLoRA, and what comes along."""
    out = tmp_path / "whole.zip"
    merge(tiny_model_folder, adapters[which], out)
    folder = _unzipped(out)
    _check_same(tiny_model_folder, adapters[which], folder)
    own, merged = (AutoTokenizer.from_pretrained(place) for place in (tiny_model_folder, folder))
    assert own("A dog.").input_ids == merged("A dog.").input_ids
    assert own.chat_template == merged.chat_template
    assert (folder / "generation_config.json").is_file()
    assert list(tmp_path.glob("whole.zip*")) == [out]


def test_a_base_that_is_stored_in_4bit(tiny_model_folder: Path, adapters: list[Path], tmp_path: Path) -> None:
    """Defends the bundled model's adapters: the whole model is what the 4 bits stand for, with the adapter in it."""
    base, out = tmp_path / "base", tmp_path / "out" / "whole.zip"
    out.parent.mkdir()
    quantized = load_model(str(tiny_model_folder), "4bit").model
    quantized.save_pretrained(base, max_shard_size="40KB")
    for path in tiny_model_folder.glob("*token*"):
        shutil.copy(path, base)
    merge(base, adapters[0], out)
    folder = _unzipped(out)
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())
    assert [path.name for path in folder.glob("*.safetensors*")] == ["model.safetensors"]
    assert AutoTokenizer.from_pretrained(folder)("A dog.").input_ids
    wanted = _logits(PeftModel.from_pretrained(quantized, adapters[0]))
    found = _logits(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32))
    assert (found - wanted).abs().max() < 0.02 * wanted.abs().max()  # the weights are stored in 16 bits
    assert list(out.parent.glob("*")) in ([out, folder], [folder, out])


def test_gpt2_whose_layers_lie_transposed(gpt2_folder: Path, tmp_path: Path) -> None:
    """Defends `Conv1D`, a square one too, and a file that leaves out the trunk's name."""
    adapter = make_adapter(gpt2_folder, tmp_path / "adapter", 3, ("c_attn", "c_proj"), fan_in_fan_out=True)
    base = shutil.copytree(gpt2_folder, tmp_path / "base")
    weights = load_file(base / "model.safetensors")
    save_file(
        {name.removeprefix("transformer."): weight for name, weight in weights.items()},
        base / "model.safetensors",
        {"format": "pt"},
    )
    merge(base, adapter, tmp_path / "whole.zip")
    _check_same(gpt2_folder, adapter, _unzipped(tmp_path / "whole.zip"))


def test_shards_and_precision_stay(tiny_model_folder: Path, adapters: list[Path], tmp_path: Path) -> None:
    """Defends the stored precision, the split into files, and every weight that the adapter does not touch."""
    base = tmp_path / "base"
    model = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.bfloat16)
    model.save_pretrained(base, max_shard_size="100KB")
    before = [path.name for path in sorted(base.glob("*.safetensors"))]
    assert len(before) > 1
    merge(base, adapters[0], tmp_path / "whole.zip")
    folder = _unzipped(tmp_path / "whole.zip")
    assert [path.name for path in sorted(folder.glob("*.safetensors"))] == before
    for name in before:
        old, new = load_file(base / name), load_file(folder / name)
        assert {key for key in old if not torch.equal(old[key], new[key])} == {
            key for key in old if "q_proj" in key or "v_proj" in key
        }
        assert all(weight.dtype == torch.bfloat16 for weight in new.values())
    assert AutoModelForCausalLM.from_pretrained(folder).dtype == torch.bfloat16


def _output_layer(base: Path, adapter: Path) -> None:
    """One that shares its weight with the words', saved without what PEFT would copy of them."""
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**config, "target_modules": ["lm_head"]}))
    sides = {"A": torch.ones(4, 64), "B": torch.ones(512, 4)}
    weights = {f"base_model.model.lm_head.lora_{side}.weight": weight for side, weight in sides.items()}
    save_file(weights, adapter / "adapter_model.safetensors")


def _pickled(base: Path, adapter: Path) -> None:
    (base / "model.safetensors").rename(base / "pytorch_model.bin")


def _another_layer(base: Path, adapter: Path) -> None:
    good = adapter.rename(adapter.with_name("good"))
    damage(adapter, good, "layer")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_output_layer, "lm_head, which the base model's files do not hold"),
        (_pickled, "cannot be read as safetensors"),
        (_another_layer, "no layer model.layers.9"),
    ],
)
def test_refused_and_nothing_left(
    tiny_model_folder: Path,
    adapters: list[Path],
    tmp_path: Path,
    spoil: Callable[[Path, Path], None],
    reason: str,
) -> None:
    """Defends against a whole model that would silently lack what the adapter learnt."""
    base = shutil.copytree(tiny_model_folder, tmp_path / "base")
    adapter = shutil.copytree(adapters[0], tmp_path / "adapter")
    spoil(base, adapter)
    with pytest.raises(AdapterError, match=reason):
        merge(base, adapter, tmp_path / "whole.zip")
    assert not list(tmp_path.glob("whole.zip*"))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("MAX_MERGED_BYTES", 10, "at most"),
        ("KEPT_FREE_BYTES", 2**60, "no room"),
        ("MEMORY_BYTES", 2**60, "too little free memory"),
    ],
)
def test_no_room(
    tiny_model_folder: Path,
    adapters: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: int,
    reason: str,
) -> None:
    """Defends the server's disk and memory, each with its own sentence."""
    monkeypatch.setattr(module, name, value)
    with pytest.raises(AdapterError, match=reason):
        merge(tiny_model_folder, adapters[0], tmp_path / "whole.zip")


def test_one_at_a_time_in_a_process_of_its_own(tiny_model_folder: Path, adapters: list[Path], tmp_path: Path) -> None:
    """Defends the live model's memory and cores, and the next visitor from one who left."""
    whole = WholeModels()

    async def make(out: Path, adapter: Path = adapters[0]) -> None:
        async for share in whole.make(tiny_model_folder, adapter, out):
            assert 0 <= share <= 1

    async def visit() -> None:
        left = whole.make(tiny_model_folder, adapters[0], tmp_path / "left.zip")
        await anext(left)
        with pytest.raises(BusyError, match="Another whole model"):
            await make(tmp_path / "busy.zip")
        await left.aclose()
        pickle = damage(tmp_path / "pickle", adapters[0], "pickle")
        with pytest.raises(AdapterError, match="foreign code"):
            await make(tmp_path / "refused.zip", pickle)

    asyncio.run(visit())
    assert not list(tmp_path.glob("*.zip"))
