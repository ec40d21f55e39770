"""The header of a safetensors file: what it says of each tensor. Nothing that stands in it is believed."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """`dtype` is as the format names it ("F32", "BF16"); the tensor's bytes are those of the file from `start` on,
    before `end`."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def read_header(path: Path, max_bytes: int) -> dict[str, TensorInfo]:
    """Read what the file says of its tensors, in the order of its header.

    Raises `OSError`, or `ValueError` for a header that is none, is longer than `max_bytes`, or names a tensor twice.
    Whether the places fit the file is not looked at.
    """
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > max_bytes:
            raise ValueError("the header is too long")
        text = file.read(size)
    try:
        header = json.loads(text, object_pairs_hook=_without_twins)
        header.pop("__metadata__", None)
        return {name: _tensor(facts, 8 + size) for name, facts in header.items()}
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("the header has another form") from error


def _tensor(facts: dict[str, Any], data_start: int) -> TensorInfo:
    shape, (start, end) = tuple(facts["shape"]), facts["data_offsets"]
    if not isinstance(facts["dtype"], str) or not all(isinstance(number, int) for number in (*shape, start, end)):
        raise TypeError
    return TensorInfo(facts["dtype"], shape, data_start + start, data_start + end)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two with one name, the one that is checked might not be the one that is used."""
    facts = dict(pairs)
    if len(facts) != len(pairs):
        raise ValueError("a name stands there twice")
    return facts
