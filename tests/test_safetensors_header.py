"""A safetensors header is read as it stands, and a wicked one is refused before anything is made of it."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from playground.safetensors_header import read_header

MAX_BYTES = 10_000
GOOD = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}


def test_every_tensor_with_its_place(tmp_path: Path) -> None:
    """The bytes at the told places are the tensors' own, whatever else the header holds."""
    tensors = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.arange(5, dtype=np.float16)}
    path = tmp_path / "model.safetensors"
    save_file(tensors, path, metadata={"format": "pt"})
    found, raw = read_header(path, MAX_BYTES), path.read_bytes()
    told = {name: (info.dtype, info.shape) for name, info in found.items()}
    assert told == {"a": ("F32", (2, 3)), "b": ("F16", (5,))}
    for name, info in found.items():
        assert raw[info.start : info.end] == tensors[name].tobytes()


def _write(path: Path, header: bytes, size: int | None = None) -> Path:
    path.write_bytes(struct.pack("<Q", len(header) if size is None else size) + header + bytes(24))
    return path


@pytest.mark.parametrize(
    "header",
    [
        b'{"a": %b, "a": %b}' % (json.dumps(GOOD).encode(), json.dumps(GOOD).encode()),
        b'{"a": {"dtype": "F32", "dtype": "F16", "shape": [], "data_offsets": [0, 4]}}',
        b"",
        b"[]",
        b"5",
        b'{"a": 5}',
        b'{"a": "\xff"}',
        b"[" * 9_000,
        *(
            json.dumps({"a": GOOD | change}).encode()
            for change in (
                {"dtype": 4},
                {"dtype": None},
                {"shape": None},
                {"shape": 6},
                {"shape": ["2", "3"]},
                {"shape": [2.5, 3]},
                {"data_offsets": [0]},
                {"data_offsets": [0, 24, 48]},
                {"data_offsets": ["0", "24"]},
                {"data_offsets": {}},
            )
        ),
        json.dumps({"a": {"dtype": "F32", "shape": [2]}}).encode(),
    ],
)
def test_what_is_no_header(tmp_path: Path, header: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_header(_write(tmp_path / "f", header), MAX_BYTES)


@pytest.mark.parametrize("size", [MAX_BYTES + 1, 2**63, 2**64 - 1])
def test_a_length_that_lies_costs_no_memory(tmp_path: Path, size: int) -> None:
    with pytest.raises(ValueError, match="too long"):
        read_header(_write(tmp_path / "f", b"{}", size), MAX_BYTES)


@pytest.mark.parametrize("raw", [b"", b"\0", bytes(8)])
def test_a_file_that_is_cut_off(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "f").write_bytes(raw)
    with pytest.raises(ValueError, match=r"."):
        read_header(tmp_path / "f", MAX_BYTES)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_header(tmp_path / "none", MAX_BYTES)
