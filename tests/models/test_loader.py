"""Models load in the precision that their layers allow, and everything that cannot be loaded says why."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from playground.errors import ModelError
from playground.models import loader, resolve
from playground.models.catalog import CATALOG, STARTER, best_fitting, find_model
from playground.models.fingerprint import fingerprint
from playground.models.loader import load_model
from tests.support.running_app import ROOT
from tests.support.tiny import make_llama


@pytest.fixture
def copy(tiny_model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model_folder, tmp_path / "copy"))


@pytest.mark.parametrize(("setting", "label"), [("auto", "4-bit"), ("4bit", "4-bit"), ("none", "fp32")])
def test_says_what_is_loaded(tiny_model_folder: Path, setting: loader.Quantization, label: str) -> None:
    """The precision shown is the one in memory, and 4-bit takes less of it."""
    import bitsandbytes as bnb

    loaded = load_model(str(tiny_model_folder), setting)
    layer = loaded.model.model.layers[0].self_attn.q_proj
    assert loaded.info.precision == label
    assert isinstance(layer, bnb.nn.Linear4bit) == (label == "4-bit")
    assert (loaded.info.name, loaded.info.folder) == ("tiny-llama", tiny_model_folder)
    whole = sum(4 * value.numel() for value in load_file(tiny_model_folder / "model.safetensors").values()) / 2**30
    assert (
        loaded.info.memory_gib == pytest.approx(whole, rel=0.01) if label == "fp32" else loaded.info.memory_gib < whole
    )


def test_8bit_answers_like_the_original(tiny_model_folder: Path) -> None:
    """8-bit loads and stays close to the unquantized model."""
    ids = torch.tensor([[70, 81, 73, 223]])
    with torch.inference_mode():
        exact = load_model(str(tiny_model_folder), "none").model(ids).logits
        eight = load_model(str(tiny_model_folder), "8bit")
        assert eight.info.precision == "8-bit"
        close = eight.model(ids).logits.float()
    assert float((close - exact).abs().max()) < 0.3 * float(exact.abs().max())


def test_conv1d_layers_load_in_4bit(gpt2_folder: Path) -> None:
    """GPT-2's transposed layers are quantized as well and still answer."""
    loaded = load_model(str(gpt2_folder), "auto")
    assert loaded.info.precision == "4-bit"
    with torch.inference_mode():
        assert bool(loaded.model(torch.tensor([[1, 2, 3]])).logits.isfinite().all())


def test_layers_that_do_not_fit_stay_as_they_are(tmp_path: Path) -> None:
    """Widths that the 4-bit kernels cannot take stop nothing: those layers alone stay, and the model answers."""
    import bitsandbytes as bnb

    folder = make_llama(tmp_path / "odd")
    config = json.loads((folder / "config.json").read_text()) | {"intermediate_size": 172}
    (folder / "config.json").write_text(json.dumps(config))
    weights = load_file(folder / "model.safetensors")
    for name, value in weights.items():
        if "down_proj" in name:
            weights[name] = torch.randn(64, 172) / 10
        elif "gate_proj" in name or "up_proj" in name:
            weights[name] = torch.randn(172, value.shape[1]) / 10
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    loaded = load_model(str(folder), "4bit")
    first = loaded.model.model.layers[0]
    assert isinstance(first.self_attn.q_proj, bnb.nn.Linear4bit)
    assert not isinstance(first.mlp.down_proj, bnb.nn.Linear4bit)
    assert not isinstance(first.mlp.up_proj, bnb.nn.Linear4bit)
    with torch.inference_mode():
        assert bool(loaded.model(torch.tensor([[1, 2, 3]])).logits.isfinite().all())


def test_nothing_fits_4bit(tmp_path: Path) -> None:
    """Asked for 4-bit where no layer allows it, a sentence says so; `auto` loads it unquantized."""
    folder = make_llama(tmp_path / "narrow", width=48)
    with pytest.raises(ModelError, match="4-bit"):
        load_model(str(folder), "4bit")
    assert load_model(str(folder), "auto").info.precision == "fp32"


def test_training_never_packs(tiny_model_folder: Path) -> None:
    """A forward pass in eval() leaves the weights' bytes as they were and gradients right."""
    loaded = load_model(str(tiny_model_folder), "4bit")
    weight = loaded.model.model.layers[0].self_attn.q_proj.weight
    before = weight.data.clone()
    with torch.no_grad():
        loaded.model(torch.tensor([[1, 2, 3]]))
    assert torch.equal(weight.data, before)
    assert not getattr(weight.quant_state, "packing_format_for_cpu", False)


def test_starter_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`auto` without a GPU means the bundled model; where its files are gone, a sentence says so."""
    monkeypatch.setattr(resolve, "STARTER_FOLDER", tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for setting in ("auto", "starter"):
        with pytest.raises(ModelError, match="bundled model is missing"):
            load_model(setting)


def break_model(folder: Path, how: str) -> None:
    weights = folder / "model.safetensors"
    config = json.loads((folder / "config.json").read_text())
    if how == "torn":
        weights.write_bytes(weights.read_bytes()[:5000])
    elif how == "no weights":
        weights.unlink()
    elif how == "missing weight":
        tensors = load_file(weights)
        del tensors["model.layers.1.mlp.up_proj.weight"]
        save_file(tensors, weights, {"format": "pt"})
    elif how == "no tokenizer":
        (folder / "tokenizer.json").unlink()
    elif how == "no config":
        (folder / "config.json").unlink()
    elif how == "bad config":
        (folder / "config.json").write_text("{")
    else:
        (folder / "config.json").write_text(json.dumps(config | json.loads(how)))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("torn", "cannot be loaded"),
        ("no weights", "cannot be loaded"),
        ("missing weight", "incomplete: 1"),
        ("no tokenizer", "without a tokenizer"),
        ("no config", "no config.json"),
        ("bad config", "cannot be loaded"),
        ('{"model_type": "unheard-of"}', "cannot be loaded"),
        ('{"architectures": ["LlamaForSequenceClassification"]}', "cannot write text"),
        ('{"model_type": "bert", "architectures": ["BertForMaskedLM"]}', "cannot write text"),
        ('{"quantization_config": {"quant_method": "gptq", "bits": 4}}', "stored quantized"),
        ('{"hidden_size": 128}', "cannot be loaded"),
    ],
)
def test_damaged_models_say_why(copy: Path, how: str, says: str) -> None:
    """Each kind of damage ends in one sentence, never in random weights or a traceback."""
    break_model(copy, how)
    with pytest.raises(ModelError, match=says) as raised:
        load_model(str(copy))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("setting", ["/no/such/folder", "./nothing", "two words", "no-owner", "nobody/no-such-model"])
def test_unknown_models_say_so(setting: str) -> None:
    """A folder that is not there, a name that is none, and a hub that cannot be reached."""
    with pytest.raises(ModelError, match=r"no model|could not be fetched"):
        load_model(setting)


def test_fingerprint_follows_the_weights(copy: Path, tiny_model_folder: Path) -> None:
    """A copy is the same model whatever its version note says; one changed weight makes another."""
    config = json.loads((copy / "config.json").read_text()) | {"transformers_version": "9", "use_cache": False}
    (copy / "config.json").write_text(json.dumps(config))
    assert fingerprint(copy) == fingerprint(tiny_model_folder)
    tensors = load_file(copy / "model.safetensors")
    tensors["model.norm.weight"][0] += 1
    save_file(tensors, copy / "model.safetensors", {"format": "pt"})
    assert fingerprint(copy) != fingerprint(tiny_model_folder)


def test_catalog_fits_the_gpu() -> None:
    """A larger GPU never gets a smaller model, and one too small for all gets the starter."""
    sizes = [best_fitting(gib).memory_gib_4bit for gib in (1, 4, 8, 16, 24, 80)]
    assert sizes == sorted(sizes)
    assert best_fitting(16).memory_gib_4bit <= 16 * 0.6
    assert best_fitting(0.1) is STARTER
    assert [model.memory_gib_4bit for model in CATALOG] == sorted(model.memory_gib_4bit for model in CATALOG)
    found = find_model("qwen/qwen3-8b")
    assert found is not None
    assert "Chinese" in found.languages


_LOADS = """
import logging, sys
from playground.models.loader import load_model

load_model(sys.argv[1], "4bit")
theirs = logging.getLogger("bitsandbytes.backends.cpu.ops")
theirs.warning("Failed to load CPU gemm_4bit_forward from kernels-community: %s.", "No module named 'kernels'")
theirs.warning("something else")
"""


def test_loading_says_nothing_of_a_kernel_that_is_not_wanted(tiny_model_folder: Path) -> None:
    """Defends whoever starts the app from advice to install what we do not use; and every other warning from us."""
    code = [sys.executable, "-c", _LOADS, str(tiny_model_folder)]
    done = subprocess.run(code, cwd=ROOT, capture_output=True, text=True, check=True, timeout=180)
    assert done.stderr.splitlines() == ["something else"]


@pytest.fixture(scope="module")
def stored_in_4bit(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chat model as `save_pretrained` stores it once it is quantized."""
    folder = tmp_path_factory.mktemp("models") / "stored"
    quantized = load_model(str(tiny_model_folder), "4bit")
    quantized.model.save_pretrained(folder)
    for path in tiny_model_folder.glob("*token*"):
        shutil.copy(path, folder)
    return folder


def test_stored_in_4bit_is_the_same_model(tiny_model_folder: Path, stored_in_4bit: Path) -> None:
    """Defends models that come quantized, as the bundled one: bit for bit what quantizing at the start makes."""
    ids = torch.tensor([[70, 81, 73, 223]])
    made, read = load_model(str(tiny_model_folder), "4bit"), load_model(str(stored_in_4bit), "auto")
    assert (read.info.precision, read.info.dtype) == (made.info.precision, made.info.dtype)
    assert read.info.num_parameters == made.info.num_parameters
    with torch.inference_mode():
        assert torch.equal(made.model(ids).logits, read.model(ids).logits)


@pytest.mark.parametrize("setting", ["none", "8bit"])
def test_stored_in_4bit_stays_so(stored_in_4bit: Path, setting: loader.Quantization) -> None:
    """Defends an honest label: what was rounded to 4 bits is not shown as anything finer."""
    with pytest.raises(ModelError, match="stored in 4 bits"):
        load_model(str(stored_in_4bit), setting)


def test_attention_on_a_card_is_not_planned_for_each_length(tiny_model_folder: Path) -> None:
    """cuDNN would make a plan for every number of tokens, and each token is another."""
    torch.backends.cuda.enable_cudnn_sdp(True)
    load_model(str(tiny_model_folder), "none")
    assert not torch.backends.cuda.cudnn_sdp_enabled()


def test_auto_goes_by_what_is_free_on_the_card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another process may hold most of it."""
    small, large = find_model("Qwen/Qwen3-0.6B"), find_model("Qwen/Qwen3-8B")
    assert small
    assert large
    here = {small.model_id, large.model_id}
    monkeypatch.setattr(resolve.hub_cache, "present", lambda model: tmp_path if model in here else None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for free_gib, wanted in ((24, large), (3, small)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda free_gib=free_gib: (free_gib * 2**30, 24 * 2**30))
        assert resolve.resolve_model("auto").id == wanted.model_id
