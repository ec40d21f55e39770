"""The weights of a checked adapter as tensors."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from playground.adapters.check import WEIGHTS, AdapterFacts
from playground.adapters.lora_config import CONFIG, read_config, scaling_of
from playground.errors import AdapterError


@dataclass(frozen=True, slots=True)
class LoraLayerWeights:
    """PEFT's `lora_A` [r, in] and `lora_B` [out, r]; the layer's output grows by `scaling * x @ A.T @ B.T`. Where each
    expert has its own, the experts are the first axis of both."""

    A: torch.Tensor
    B: torch.Tensor
    scaling: float

    @property
    def rank(self) -> int:
        return self.A.shape[-2]

    def to(self, device: torch.device, dtype: torch.dtype) -> "LoraLayerWeights":
        return LoraLayerWeights(self.A.to(device, dtype), self.B.to(device, dtype), self.scaling)


@dataclass(frozen=True, slots=True)
class LoraWeights:
    """An adapter: its layers by their names in the model."""

    layers: dict[str, LoraLayerWeights]

    @property
    def size_bytes(self) -> int:
        return sum(layer.A.nbytes + layer.B.nbytes for layer in self.layers.values())

    @property
    def max_rank(self) -> int:
        return max(layer.rank for layer in self.layers.values())

    def to(self, device: torch.device, dtype: torch.dtype) -> "LoraWeights":
        return LoraWeights({name: layer.to(device, dtype) for name, layer in self.layers.items()})


def load_lora(folder: Path, facts: AdapterFacts) -> LoraWeights:
    """Read the PEFT adapter of which `check_folder` told the `facts`: fp32, on the CPU.

    Raises `AdapterError` where its weights have become unreadable since.
    """
    config = read_config(folder / CONFIG)
    try:
        weights = load_file(folder / WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise AdapterError("The adapter's weights cannot be read. Save or download it again.") from error
    sides = {name.replace(".default.weight", ".weight"): tensor for name, tensor in weights.items()}
    layers = {}
    for pair in facts.pairs:
        stored = pair.stored or pair.module
        a, b = (sides[f"base_model.model.{stored}.lora_{side}.weight"].float() for side in "AB")
        if pair.stored:
            a = a.view(pair.experts, pair.r, pair.in_features)
            b = b.view(pair.out_features, pair.r, pair.experts).permute(2, 0, 1).contiguous()
        layers[pair.module] = LoraLayerWeights(a, b, scaling_of(config, pair.module))
    return LoraWeights(layers)
