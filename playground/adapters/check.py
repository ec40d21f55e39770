"""Whether a PEFT folder from a stranger may enter the live model: plain LoRA for a causal language model."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from playground.adapters.expert_shapes import check_targets, named_experts
from playground.adapters.lora_config import CONFIG, MAX_RANK, is_target, rank_of, read_config
from playground.adapters.lora_weights import MAX_FILE_BYTES, LoraShape, read_lora_shapes
from playground.errors import AdapterError
from playground.sentence import N_

WEIGHTS = "adapter_model.safetensors"
README = "README.md"
PICKLES = ("adapter_model.bin", "adapter_model.pt", "adapter_model.pkl")
PICKLE_REASON = N_(
    "The weights are in {name}, a format that can run foreign code. Save the adapter again with "
    "safe_serialization=True, as adapter_model.safetensors."
)
_MAX_README_BYTES = 256 * 1024

_FINGERPRINT = re.compile(r"^base_fingerprint: \"?([A-Za-z0-9:._-]{1,200})\"?\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class AdapterFacts:
    """What the folder says of itself. `base_model` is what the base was loaded by, a hub id or a place on some disk, or
    ""; `base_fingerprint` is "" where the adapter was made elsewhere."""

    base_model: str
    base_fingerprint: str
    r: int
    lora_alpha: float
    pairs: tuple[LoraShape, ...]

    @property
    def parameters(self) -> int:
        return sum(pair.experts * pair.r * (pair.in_features + pair.out_features) for pair in self.pairs)


def check_folder(folder: Path) -> AdapterFacts:
    """Read everything the folder holds and run nothing of it; raises `AdapterError` with the first reason against it.

    Whether it is for the loaded model is for others to see: its name by the service, its shapes by the engine.
    """
    _check_files(folder)
    config = read_config(folder / CONFIG)
    check_targets(config)
    pairs = named_experts(config, read_lora_shapes(folder / WEIGHTS))
    for pair in pairs:
        if not pair.stored and not is_target(config, pair.module):
            raise AdapterError(
                "The adapter holds weights for {module}, which its configuration does not name as a target.",
                module=pair.module,
            )
        expected = rank_of(config, pair.module)
        if pair.r != expected:
            raise AdapterError(
                "The LoRA of {module} has rank {found}, but the configuration says {wanted}.",
                module=pair.module,
                found=pair.r,
                wanted=expected,
            )
    return AdapterFacts(
        base_model=config.get("base_model_name_or_path") or "",
        base_fingerprint=_named_fingerprint(folder / README),
        r=config["r"],
        lora_alpha=float(config["lora_alpha"]),
        pairs=pairs,
    )


def largest_adapter_bytes(shapes: Iterable[tuple[int, ...]]) -> int:
    """What an adapter's weights take at most for a model with weights of these shapes: the largest rank everywhere, in
    fp32. As much as any adapter may have where no shape is known."""
    axes = sum(sum(shape) if len(shape) == 2 else shape[0] * sum(shape[1:]) for shape in shapes if len(shape) in (2, 3))
    return min(4 * MAX_RANK * axes, MAX_FILE_BYTES) if axes else MAX_FILE_BYTES


def _check_files(folder: Path) -> None:
    for name in (CONFIG, WEIGHTS, README):
        if (folder / name).is_symlink():
            raise AdapterError("{name} is a link rather than a file.", name=name)
    if not (folder / WEIGHTS).is_file():
        for name in PICKLES:
            if (folder / name).exists():
                raise AdapterError(PICKLE_REASON, name=name)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise AdapterError(
                "{name} is missing. An adapter in PEFT format has {config} and {weights}.",
                name=name,
                config=CONFIG,
                weights=WEIGHTS,
            )


def _named_fingerprint(readme: Path) -> str:
    if not readme.is_file() or readme.stat().st_size > _MAX_README_BYTES:
        return ""
    match = _FINGERPRINT.search(readme.read_text(encoding="utf-8", errors="replace"))
    return match[1] if match else ""
