"""The weights of an adapter: nothing but finite LoRA pairs, read without running anything that is in the file."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from playground.adapters.quote import quote
from playground.errors import AdapterError
from playground.safetensors_header import TensorInfo, read_header
from playground.sentence import N_

MAX_FILE_BYTES = 1024**3
"""An adapter of rank 64 on every layer of a model with 7 billion parameters has 0.64 GB."""
MAX_TENSORS = 20_000
MAX_HEADER_BYTES = 4 * 1024**2
_MAX_AXIS = 1_000_000
_PAIR = re.compile(r"base_model\.model\.(?P<module>[A-Za-z0-9_.]{1,300})\.lora_(?P<side>[AB])(?:\.default)?\.weight")
_CHUNK_BYTES = 16 * 1024**2
_BITS = {"F32": (np.uint32, 0x7F800000), "F16": (np.uint16, 0x7C00), "BF16": (np.uint16, 0x7F80)}
"""For each type of number: how wide it is, and the exponent bits that are all set in NaN and infinity."""
_DAMAGED = N_("The adapter's weights are damaged or cut off. Save or download the adapter again.")


@dataclass(frozen=True, slots=True)
class LoraShape:
    """The LoRA of one module: A is (r, in), B is (out, r). Where it is on the parameter of several experts, `module` is
    the parameter's name, each has an A and a B, and the file has them by the name `stored`."""

    module: str
    r: int
    in_features: int
    out_features: int
    experts: int = 1
    stored: str = ""


def read_lora_shapes(path: Path) -> tuple[LoraShape, ...]:
    """All LoRA pairs of a safetensors file, sorted by module; raises `AdapterError` for anything else in it."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise AdapterError("The adapter's weights are larger than {limit} MB.", limit=MAX_FILE_BYTES // 1024**2)
    try:
        tensors = read_header(path, MAX_HEADER_BYTES)
        with safe_open(path, framework="np"):  # checks that the header's places fit the file and do not overlap
            pass
    except (SafetensorError, OSError, ValueError) as error:
        raise AdapterError(_DAMAGED) from error
    if len(tensors) > MAX_TENSORS:
        raise AdapterError("The adapter holds more than {limit} weights.", limit=f"{MAX_TENSORS:,}")
    sides: dict[str, dict[str, TensorInfo]] = {}
    for name, tensor in tensors.items():
        match = _PAIR.fullmatch(name)
        if not match:
            raise _foreign(name)
        if sides.setdefault(match["module"], {}).setdefault(match["side"], tensor) is not tensor:
            raise AdapterError("The adapter holds two weights for {module}.", module=match["module"])
    if not sides:
        raise AdapterError("The adapter holds no weights.")
    pairs = tuple(_pair(module, sides[module]) for module in sorted(sides))
    _check_finite(path, tensors)
    return pairs


def _foreign(name: str) -> AdapterError:
    shown = quote(name, 120)
    if "lora_magnitude_vector" in name:
        return AdapterError("The adapter uses DoRA ({name}), which cannot be swapped into a live model.", name=shown)
    if "lora_embedding" in name or ".base_layer." in name:  # as PEFT saves what stands beside them
        return AdapterError(
            "The adapter changes the embeddings ({name}); only LoRA on linear layers works.", name=shown
        )
    return AdapterError(
        "The adapter holds '{name}', which is not a LoRA weight. Save it without modules_to_save and without bias.",
        name=shown,
    )


def _pair(module: str, sides: dict[str, TensorInfo]) -> LoraShape:
    if set(sides) != {"A", "B"}:
        raise AdapterError("The LoRA of {module} is not a pair: lora_A or lora_B is missing.", module=module)
    for tensor in sides.values():
        if tensor.dtype not in _BITS:
            raise AdapterError(
                "The weights of {module} are {dtype}; F32, F16 or BF16 are read.", module=module, dtype=tensor.dtype
            )
        if len(tensor.shape) != 2 or not all(0 < axis <= _MAX_AXIS for axis in tensor.shape):
            raise AdapterError("The LoRA of {module} does not belong to a linear layer.", module=module)
    (rank, in_features), (out_features, rank_b) = sides["A"].shape, sides["B"].shape
    if rank != rank_b:
        raise AdapterError(
            "The LoRA of {module} does not fit together: rank {a} in lora_A, {b} in lora_B.",
            module=module,
            a=rank,
            b=rank_b,
        )
    return LoraShape(module, rank, in_features, out_features)


def _check_finite(path: Path, tensors: dict[str, TensorInfo]) -> None:
    with path.open("rb") as file:
        for name, tensor in tensors.items():
            kind, exponent = _BITS[tensor.dtype]
            file.seek(tensor.start)
            left = tensor.end - tensor.start
            while left > 0:
                raw = file.read(min(left, _CHUNK_BYTES))
                if not raw:
                    raise AdapterError(_DAMAGED)
                left -= len(raw)
                if bool(((np.frombuffer(raw, kind) & exponent) == exponent).any()):
                    raise AdapterError(
                        "The adapter's weight '{name}' holds NaN or infinity: it would break every "
                        "answer. It must be trained again.",
                        name=quote(name, 120),
                    )
