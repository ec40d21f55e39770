"""The header of a GGUF file: its plain facts and its tensors' shapes. Nothing that stands in it is believed.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The `gguf` package reads it too, but makes an object of each
word of the tokenizer, which takes ten seconds.
"""

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

GGUF_SUFFIX = ".gguf"
_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_FORMATS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
"""How values of each type are packed."""
_STRING, _ARRAY = 8, 9
_MAX_STRING, _MAX_COUNT = 2**24, 2**24
_MAX_DIMENSIONS = 8

Fact = int | float | bool | str


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """`facts` are named as in the file; of a list its length stands there."""

    facts: dict[str, Fact]
    tensors: dict[str, tuple[int, ...]]
    """Shapes, the fastest axis first, by llama.cpp's names."""

    @property
    def architecture(self) -> str:
        return str(self.facts.get("general.architecture", ""))

    @property
    def num_parameters(self) -> int:
        return sum(math.prod(shape) for shape in self.tensors.values())

    def number(self, name: str) -> int:
        """A number of the architecture's own, such as `embedding_length`; 0 where there is none."""
        found = self.facts.get(f"{self.architecture}.{name}", 0)
        return found if isinstance(found, int) else 0


def is_gguf(model: str) -> bool:
    """Whether a model is named by a GGUF file."""
    return model.lower().endswith(GGUF_SUFFIX)


def read_gguf_header(path: Path) -> GgufHeader:
    """Read what the file says of itself; raises `OSError`, or `ValueError` for what is no such file."""
    with path.open("rb") as file:
        if file.read(4) != _MAGIC:
            raise ValueError("it does not begin as a GGUF file does")
        version = _number(file, "<I")
        if version not in _VERSIONS:
            raise ValueError(f"it is of version {version}")
        num_tensors, num_facts = _count(file), _count(file)
        facts = {_text(file): _value(file, _number(file, "<I")) for _ in range(num_facts)}
        tensors = dict(_tensor(file) for _ in range(num_tensors))
    return GgufHeader(facts, tensors)


def _tensor(file: BinaryIO) -> tuple[str, tuple[int, ...]]:
    name, dimensions = _text(file), _number(file, "<I")
    if dimensions > _MAX_DIMENSIONS:
        raise ValueError(f"{name} has {dimensions} dimensions")
    shape = tuple(_number(file, "<Q") for _ in range(dimensions))
    _number(file, "<I"), _number(file, "<Q")  # how it is quantized, and where it lies
    return name, shape


def _value(file: BinaryIO, kind: int) -> Fact:
    if kind == _STRING:
        return _text(file)
    if kind == _ARRAY:
        return _skip_list(file)
    if kind not in _FORMATS:
        raise ValueError(f"it has a value of the unknown type {kind}")
    value: Fact = struct.unpack(_FORMATS[kind], _read(file, struct.calcsize(_FORMATS[kind])))[0]
    return value


def _skip_list(file: BinaryIO) -> int:
    kind, count = _number(file, "<I"), _count(file)
    if kind == _STRING:
        for _ in range(count):
            _read(file, _string_length(file))
    elif kind in _FORMATS:
        file.seek(count * struct.calcsize(_FORMATS[kind]), 1)
    else:
        raise ValueError(f"it has a list of the unknown type {kind}")
    return count


def _count(file: BinaryIO) -> int:
    count = _number(file, "<Q")
    if count > _MAX_COUNT:
        raise ValueError(f"it says that it has {count} entries")
    return count


def _text(file: BinaryIO) -> str:
    return _read(file, _string_length(file)).decode("utf-8", "replace")


def _string_length(file: BinaryIO) -> int:
    length = _number(file, "<Q")
    if length > _MAX_STRING:
        raise ValueError(f"it has a text of {length} bytes")
    return length


def _number(file: BinaryIO, layout: str) -> int:
    return int(struct.unpack(layout, _read(file, struct.calcsize(layout)))[0])


def _read(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise ValueError("it ends too early")
    return data
