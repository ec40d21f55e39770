"""The weights of a base model as they lie on the disk."""

import json
import struct
from dataclasses import dataclass
from pathlib import Path

from playground.adapters.lora_config import MAX_RANK
from playground.adapters.lora_weights import MAX_FILE_BYTES
from playground.errors import AdapterError

_INDEX, _ONE_FILE = "model.safetensors.index.json", "model.safetensors"
_MAX_HEADER_BYTES = 100 * 10**6


@dataclass(frozen=True, slots=True)
class Weight:
    """A tensor of a file: `start` and `end` are counted from where the file's weights begin."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Stored:
    """One safetensors file of a model: its weights in the order in which they lie, from byte `start` on."""

    path: Path
    size: int
    start: int
    weights: tuple[Weight, ...]


def find_weights(model: Path) -> tuple[Stored, ...]:
    """Read which weights the model's files hold; raises `AdapterError` where there is none that can be read."""
    try:
        index = model / _INDEX
        names = {_ONE_FILE}
        if index.is_file() and not (model / _ONE_FILE).is_file():
            names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        return tuple(_read(model / name) for name in sorted(names))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise AdapterError(
            "The files of the base model cannot be read as safetensors, so no whole model can be made. Download the "
            "adapter alone."
        ) from error


def largest_adapter_bytes(model: Path) -> int:
    """What the weights of an adapter of this model take at most: the largest rank everywhere, in fp32."""
    try:
        axes = sum(
            sum(weight.shape) for file in find_weights(model) for weight in file.weights if len(weight.shape) == 2
        )
    except AdapterError:
        return MAX_FILE_BYTES
    return min(4 * MAX_RANK * axes, MAX_FILE_BYTES)


def _read(path: Path) -> Stored:
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        if size > _MAX_HEADER_BYTES:
            raise ValueError("header too long")
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    found = [Weight(name, part["dtype"], tuple(part["shape"]), *part["data_offsets"]) for name, part in header.items()]
    return Stored(path, path.stat().st_size, 8 + size, tuple(sorted(found, key=lambda weight: weight.start)))
