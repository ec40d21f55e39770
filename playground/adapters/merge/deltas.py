"""What an adapter adds to the stored weights of its base model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from playground.adapters.check import AdapterFacts
from playground.adapters.lora_load import LoraLayerWeights, load_lora
from playground.adapters.merge.expert_deltas import expert_factors
from playground.errors import AdapterError
from playground.models.stored.text_part import read_stored
from playground.models.weights import WeightFile
from playground.safetensors_header import TensorInfo

_TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class DeltaWeight:
    """To a weight of R rows and C columns comes `left` (R, r) times `right` (r, C), both fp32, scaling contained. Where
    a weight is that of several experts, all three have them as their first axis."""

    left: torch.Tensor
    right: torch.Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        return *self.left.shape[:-1], self.right.shape[-1]

    def applied(self, read: IO[bytes], weight: TensorInfo, piece_bytes: int) -> Iterator[bytes]:
        """Read the weight on from here and yield it changed, rounded to the type that it is stored in."""
        if self.left.dim() == 3:
            one = replace(weight, shape=weight.shape[1:])
            for left, right in zip(self.left, self.right, strict=True):
                yield from DeltaWeight(left, right).applied(read, one, piece_bytes)
            return
        dtype, (rows, columns) = _TYPES[weight.dtype], weight.shape
        at_once = max(1, piece_bytes // (4 * columns))
        for row in range(0, rows, at_once):
            left = self.left[row : row + at_once]
            raw = bytearray(read.read(left.shape[0] * columns * dtype.itemsize))
            piece = torch.frombuffer(raw, dtype=dtype).view(-1, columns)
            merged = torch.addmm(piece.float(), left, self.right).to(dtype)
            if not bool(merged.isfinite().all()):
                raise AdapterError("With this adapter the model's numbers overflow, so it cannot be used.")
            yield merged.view(torch.uint8).numpy().tobytes()


def get_delta_weight(weights: LoraLayerWeights, module: nn.Module) -> DeltaWeight:
    """What LoRA adds to the weight of a layer, as that layer stores it: `Conv1D` holds its transposed."""
    if isinstance(module, Conv1D):
        return DeltaWeight(weights.A.T * weights.scaling, weights.B.T)
    return DeltaWeight(weights.B * weights.scaling, weights.A)


def delta_weights(
    model: Path, adapter: Path, facts: AdapterFacts, files: Sequence[WeightFile]
) -> dict[str, DeltaWeight]:
    """Find for each layer of the adapter the stored weight that it changes, by that weight's name in `files`.

    Raises `AdapterError` where there is none.
    """
    told = read_stored(model)
    stored = {name: weight for file in files for name, weight in file.weights.items()}
    names = {told.model_name(name): name for name in stored}
    frame = told.frame()
    found = {}
    for layer, weights in load_lora(adapter, facts).layers.items():
        for theirs, delta in _deltas_of(layer, weights, frame):
            name = _stored_name(theirs, names)
            weight = stored.get(name)
            if weight is None or weight.dtype not in _TYPES or weight.shape != delta.shape:
                raise _not_of_its_own(layer)
            found[name] = delta
    return found


def _deltas_of(layer: str, weights: LoraLayerWeights, frame: PreTrainedModel) -> Iterator[tuple[str, DeltaWeight]]:
    """By the names of the weights in the files of a model that is built as `frame`."""
    modules, parameters = dict(frame.named_modules()), dict(frame.named_parameters())
    if layer in parameters and weights.A.dim() == 3:
        for name, factors in expert_factors(layer, weights, frame):
            yield name, DeltaWeight(*factors)
        return
    module = modules.get(layer)
    if module is None:
        raise AdapterError("The adapter is for another model: this one has no layer {layer}.", layer=layer)
    if _tied(module, frame):
        raise _not_of_its_own(layer)
    yield f"{layer}.weight", get_delta_weight(weights, module)


def _not_of_its_own(layer: str) -> AdapterError:
    return AdapterError(
        "The adapter changes {layer}, which the base model's files do not hold as a weight of its own. "
        "Download the adapter alone.",
        layer=layer,
    )


def _stored_name(name: str, names: Mapping[str, str]) -> str:
    """Some models are stored without the name of their trunk, such as `transformer.`, before every weight's."""
    return names.get(name) or names.get(name.partition(".")[2], "")


def _tied(module: nn.Module, frame: PreTrainedModel) -> bool:
    """Whether the layer is the output's and reads its words' weights, so that changing one would change the other."""
    return module is frame.get_output_embeddings() and bool(frame.config.get_text_config().tie_word_embeddings)
