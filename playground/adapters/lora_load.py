"""The weights of a checked adapter, ready for the layers of the loaded model."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from playground.adapters.check import WEIGHTS, check_folder
from playground.adapters.lora_config import CONFIG, read_config, scaling_of
from playground.adapters.lora_weights import LoraShape
from playground.errors import AdapterError

LinearShapes = dict[str, tuple[int, int]]
"""(in_features, out_features) of each linear layer, by its name in the model."""


@dataclass(frozen=True, slots=True)
class LoraLayerWeights:
    """`A` (r, in) and `B` (out, r); the layer's output grows by `scaling * x @ A.T @ B.T`."""

    A: torch.Tensor
    B: torch.Tensor
    scaling: float


@dataclass(frozen=True, slots=True)
class LoraWeights:
    layers: dict[str, LoraLayerWeights]

    @property
    def size_bytes(self) -> int:
        return sum(4 * (layer.A.numel() + layer.B.numel()) for layer in self.layers.values())

    @property
    def max_rank(self) -> int:
        """Its largest rank."""
        return max(layer.A.shape[0] for layer in self.layers.values())


def read_adapter(folder: Path, shapes: LinearShapes, device: torch.device) -> LoraWeights:
    """Check the PEFT adapter in `folder` and read it; its weights arrive in fp32 on `device`.

    Raises `AdapterError` with the reason for whatever this model cannot use as it is.
    """
    facts = check_folder(folder)
    config = read_config(folder / CONFIG)
    for pair in facts.pairs:
        _check_fits(pair, shapes)
    try:
        weights = load_file(folder / WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise AdapterError("The adapter's weights cannot be read. Save or download it again.") from error
    sides = {name.replace(".default.weight", ".weight"): tensor for name, tensor in weights.items()}
    layers = {}
    for pair in facts.pairs:
        down, up = (sides[f"base_model.model.{pair.module}.lora_{side}.weight"] for side in "AB")
        scaling = scaling_of(config, pair.module)
        layers[pair.module] = LoraLayerWeights(down.to(device, torch.float32), up.to(device, torch.float32), scaling)
    return LoraWeights(layers)


def _check_fits(pair: LoraShape, shapes: LinearShapes) -> None:
    if pair.module not in shapes:
        raise AdapterError("The adapter is for another model: this one has no layer {layer}.", layer=pair.module)
    if (pair.in_features, pair.out_features) != shapes[pair.module]:
        wide, rows = shapes[pair.module]
        raise AdapterError(
            "The adapter is for another model: its {layer} leads from {found_in} to {found_out} numbers, this "
            "model's from {wide} to {rows}.",
            layer=pair.module,
            found_in=pair.in_features,
            found_out=pair.out_features,
            wide=wide,
            rows=rows,
        )
