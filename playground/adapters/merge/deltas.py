"""What an adapter adds to the stored weights of its base model."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import torch
from safetensors.torch import load_file
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from playground.adapters.check import WEIGHTS, AdapterFacts
from playground.adapters.lora_config import CONFIG, read_config, scaling_of
from playground.errors import AdapterError
from playground.models.weights import WeightFile
from playground.safetensors_header import TensorInfo

_TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Change:
    """To a weight of R rows and C columns comes `left` (R, r) times `right` (r, C), both fp32, scaling contained."""

    left: torch.Tensor
    right: torch.Tensor

    def applied(self, read: IO[bytes], weight: TensorInfo, piece_bytes: int) -> Iterator[bytes]:
        """Read the weight on from here and yield it changed, rounded to the type that it is stored in."""
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


def changes(model: Path, adapter: Path, facts: AdapterFacts, files: Sequence[WeightFile]) -> dict[str, Change]:
    """Find for each LoRA pair the stored weight that it changes, by name; raises `AdapterError` where there is none."""
    weights = {name: weight for file in files for name, weight in file.weights.items()}
    frame = _frame(model)
    modules = dict(frame.named_modules())
    config = read_config(adapter / CONFIG)
    sides = {
        name.replace(".default.weight", ".weight"): side.float() for name, side in load_file(adapter / WEIGHTS).items()
    }
    found = {}
    for pair in facts.pairs:
        layer = modules.get(pair.module)
        if layer is None:
            raise AdapterError("The adapter is for another model: this one has no layer {layer}.", layer=pair.module)
        name = _weight_name(pair.module, weights)
        weight = weights.get(name)
        down, up = (sides[f"base_model.model.{pair.module}.lora_{side}.weight"] for side in "AB")
        left, right = (down.T, up.T) if isinstance(layer, Conv1D) else (up, down)
        if weight is None or _shared(layer, frame) or weight.dtype not in _TYPES or weight.shape != _shape(left, right):
            raise AdapterError(
                "The adapter changes {layer}, which the base model's files do not hold as a weight of its own. "
                "Download the adapter alone.",
                layer=pair.module,
            )
        found[name] = Change(left * scaling_of(config, pair.module), right)
    return found


def _frame(model: Path) -> PreTrainedModel:
    """The model without its weights."""
    config = AutoConfig.from_pretrained(model, local_files_only=True, trust_remote_code=False)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def _weight_name(module: str, weights: Collection[str]) -> str:
    """Some models are stored without the name of their trunk, such as `transformer.`, before every weight's."""
    name = f"{module}.weight"
    return name if name in weights else name.partition(".")[2]


def _shared(layer: nn.Module, frame: PreTrainedModel) -> bool:
    """Whether the layer is the output's and reads its words' weights, so that changing one would change the other."""
    return layer is frame.get_output_embeddings() and bool(frame.config.get_text_config().tie_word_embeddings)


def _shape(left: torch.Tensor, right: torch.Tensor) -> tuple[int, ...]:
    return left.shape[0], right.shape[1]
