"""Only plain, finite LoRA for a causal language model enters; everything else is refused with its reason."""

import ast
import importlib.util
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from playground.adapters.check import check_folder
from playground.adapters.lora_config import KNOWN_KEYS, is_target, rank_of, read_config, scaling_of
from playground.errors import AdapterError

ADAPTERS = Path(__file__).resolve().parents[3] / "shared" / "adapters"
MODULE = "base_model.model.model.layers.0.self_attn.q_proj"


def config(**changes: object) -> dict[str, object]:
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "someone/tiny",
        "r": 4,
        "lora_alpha": 8,
        "lora_dropout": 0.0,
        "bias": "none",
        "init_lora_weights": True,
        "target_modules": ["q_proj"],
        **changes,
    }


def weights(rank: int = 4, fill: float = 0.5) -> dict[str, Any]:
    return {
        f"{MODULE}.lora_A.weight": np.full((rank, 16), fill, np.float32),
        f"{MODULE}.lora_B.weight": np.full((8, rank), fill, np.float32),
    }


def adapter(folder: Path, tensors: dict[str, Any] | None = None, **changes: object) -> Path:
    """A tiny PEFT folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps(config(**changes)), encoding="utf-8")
    save_file(weights() if tensors is None else tensors, folder / "adapter_model.safetensors")
    return folder


def test_plain_lora_is_read(tmp_path: Path) -> None:
    """Defends the facts on which the engine relies."""
    facts = check_folder(adapter(tmp_path / "a"))
    assert (facts.base_model, facts.r, facts.lora_alpha, facts.base_fingerprint) == ("someone/tiny", 4, 8.0, "")
    (pair,) = facts.pairs
    assert (pair.module, pair.r, pair.in_features, pair.out_features) == ("model.layers.0.self_attn.q_proj", 4, 16, 8)
    assert facts.parameters == 4 * (16 + 8)


def test_rank_pattern(tmp_path: Path) -> None:
    """Defends adapters whose layers differ in rank."""
    assert check_folder(adapter(tmp_path / "a", weights(rank=2), rank_pattern={"q_proj": 2})).pairs[0].r == 2


_A, _B = f"{MODULE}.lora_A.weight", f"{MODULE}.lora_B.weight"
_ONES = np.ones((4, 16), np.float32)


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({}, "no weights"),
        ({_A: _ONES}, "lora_B is missing"),
        ({_A: _ONES, _B: np.ones((8, 2), np.float32)}, "rank 4 in lora_A, 2 in lora_B"),
        ({_A: _ONES.astype(np.int8), _B: np.ones((8, 4), np.int8)}, "I8"),
        ({_A: _ONES, _B: np.ones((8, 4, 1), np.float32)}, "linear layer"),
        ({**weights(), "base_model.model.lm_head.weight": _ONES}, "lm_head"),
        ({**weights(), f"{MODULE}.lora_magnitude_vector": _ONES}, "DoRA"),
        ({**weights(), "base_model.model.wte.lora_embedding_A": _ONES}, "embeddings"),
        (weights(fill=float("nan")), "NaN"),
        (weights(fill=float("inf")), "NaN or infinity"),
        ({name: array.astype(np.float16) for name, array in weights(fill=float("-inf")).items()}, "infinity"),
    ],
)
def test_weights_refused(tmp_path: Path, tensors: dict[str, Any], reason: str) -> None:
    """Defends every other visitor's answers from one broken adapter."""
    with pytest.raises(AdapterError, match=reason):
        check_folder(adapter(tmp_path / "a", tensors))


def _bf16(folder: Path, value: int) -> Path:
    header = {
        _A: {"dtype": "BF16", "shape": [4, 1], "data_offsets": [0, 8]},
        _B: {"dtype": "BF16", "shape": [1, 4], "data_offsets": [8, 16]},
    }
    raw = json.dumps(header).encode()
    adapter(folder)
    data = struct.pack("<Q", len(raw)) + raw + struct.pack("<H", value) * 8
    (folder / "adapter_model.safetensors").write_bytes(data)
    return folder


def test_bfloat16(tmp_path: Path) -> None:
    """Defends the type in which most adapters are saved, and which numpy does not know."""
    assert check_folder(_bf16(tmp_path / "a", 0x3F80)).r == 4
    with pytest.raises(AdapterError, match="NaN"):
        check_folder(_bf16(tmp_path / "b", 0xFF81))


def _twins(folder: Path) -> None:
    """Two entries of one name: the first one is finite, the second one not."""
    path = folder / "adapter_model.safetensors"
    raw = path.read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header = raw[8 : 8 + size].rstrip()
    twice = header[:-1] + b"," + header[1:]
    path.write_bytes(struct.pack("<Q", len(twice)) + twice + raw[8 + size :])


def _cut(folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])


def _lie(folder: Path) -> None:
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}")


def _pickle(folder: Path) -> None:
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")


def _link(folder: Path) -> None:
    (folder / "adapter_model.safetensors").rename(folder.parent / "elsewhere")
    (folder / "adapter_model.safetensors").symlink_to(folder.parent / "elsewhere")


def _config(text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "adapter_config.json").write_text(text, encoding="utf-8")

    return write


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_cut, "damaged"),
        (_twins, "damaged"),
        (_lie, "damaged"),
        (_pickle, "adapter_model.bin"),
        (_link, "link"),
        (_config("[" * 100_000), "not JSON"),
        (_config("[]"), "object"),
        (_config("{}"), "only LORA"),
        (_config(" " * 300_000), "too long"),
        (lambda folder: (folder / "adapter_config.json").unlink(), "adapter_config.json is missing"),
    ],
)
def test_folders_refused(tmp_path: Path, spoil: Callable[[Path], None], reason: str) -> None:
    """Defends the server from damaged files and from pickles, which run code when loaded."""
    folder = adapter(tmp_path / "a")
    spoil(folder)
    with pytest.raises(AdapterError, match=reason):
        check_folder(folder)


def test_the_base_that_it_names(tmp_path: Path) -> None:
    """Defends against an adapter that fits by shape but was made for other weights: the service asks by this."""
    folder = adapter(tmp_path / "a")
    (folder / "README.md").write_text('---\nbase_fingerprint: "abc"\n---\n', encoding="utf-8")
    assert check_folder(folder).base_fingerprint == "abc"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("distilbert-kuntya", "SEQ_CLS"),
        ("gpt2-seqcls-anirudh", "SEQ_CLS"),
        ("gpt2-seqcls-bin-thesotti", "adapter_model.bin"),
    ],
)
def test_real_adapters_from_strangers(name: str, reason: str) -> None:
    """Defends what people really find on the hub and try: each gets the reason that counts."""
    if not ADAPTERS.is_dir():
        pytest.skip("the real adapters are not part of the project")
    with pytest.raises(AdapterError, match=reason):
        check_folder(ADAPTERS / name)


def test_known_keys_are_those_of_the_installed_peft() -> None:
    """Defends adapters saved by the very PEFT that the project trains with, when its version moves."""
    spec = importlib.util.find_spec("peft")
    assert spec
    assert spec.origin
    fields = set()
    for file in ("config.py", "tuners/lora/config.py"):
        tree = ast.parse((Path(spec.origin).parent / file).read_text(encoding="utf-8"))
        for item in tree.body:
            if isinstance(item, ast.ClassDef) and item.name in ("PeftConfigMixin", "PeftConfig", "LoraConfig"):
                fields |= {part.target.id for part in item.body if isinstance(part, ast.AnnAssign)}  # type: ignore[union-attr]
    assert fields == KNOWN_KEYS


TARGETS: list[dict[str, object]] = [
    {"target_modules": ["q_proj", "down_proj"]},
    {"target_modules": ["model.layers.1.self_attn.q_proj", "lm_head"]},
    {"target_modules": "lm_head"},
    {"target_modules": ["q_proj"], "exclude_modules": ["layers.0.self_attn.q_proj"]},
    {"target_modules": ["q_proj"], "exclude_modules": "model.layers.1.self_attn.q_proj"},
    {"target_modules": ["q_proj", "w1"], "layers_to_transform": [0, 11]},
    {"target_modules": ["q_proj", "w1"], "layers_to_transform": 1, "layers_pattern": ["h", "layers"]},
    {"target_modules": ["w1"], "layers_to_transform": [3], "layers_pattern": "experts"},
    {"target_modules": ["q_proj"], "layers_to_transform": []},
]
MODULES = ("lm_head", "q_proj", "model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj")
MODULES += ("model.layers.11.mlp.down_proj", "model.layers.1.experts.3.w1", "transformer.h.1.attn.q_proj", "0.q_proj")


@pytest.mark.parametrize("changes", TARGETS)
def test_targets_are_those_of_peft(tmp_path: Path, changes: dict[str, object]) -> None:
    """Defends that no weight is used here which PEFT would leave out, nor the other way round."""
    from peft import LoraConfig
    from peft.tuners.tuners_utils import check_target_module_exists

    theirs = LoraConfig(**changes)
    ours = read_config(adapter(tmp_path / "a", **changes) / "adapter_config.json")
    for module in MODULES:
        there = check_target_module_exists(theirs, module)
        assert is_target(ours, module) == (bool(there) and not type(there).__name__.startswith("_Excluded")), module


def test_ranks_and_alphas_are_those_of_peft(tmp_path: Path) -> None:
    """Defends the scaling of single layers: of several names that fit, the first counts."""
    from peft.utils.other import get_pattern_key

    ranks = {"q_proj": 2, "layers.1.self_attn.q_proj": 16, "model.layers.11.mlp.down_proj": 8, "proj": 9}
    alphas = {"layers.1.self_attn.q_proj": 1, "q_proj": 3.5}
    ours = read_config(
        adapter(tmp_path / "a", rank_pattern=ranks, alpha_pattern=alphas, use_rslora=True) / "adapter_config.json"
    )
    for module in MODULES:
        rank = ranks.get(get_pattern_key(ranks, module), 4)
        assert rank_of(ours, module) == rank
        assert scaling_of(ours, module) == alphas.get(get_pattern_key(alphas, module), 8) / rank**0.5
