"""Zipped adapters and headers of a wanted size, each the worst of its kind for whoever reads it."""

import io
import json
import struct
import zipfile
from pathlib import Path

from playground.adapters.archive import unpack_zip
from playground.models.gguf_header import read_gguf_header
from tests.bench.worst_files.tables import Make, again

_CONFIG = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]}


def zipped(config: Make | None = None, header: Make | None = None, entries: bool = False) -> Make:
    """An adapter whose configuration, weights' header or list of files fills so many bytes."""

    def make(size: int) -> bytes:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("adapter_config.json", config(size) if config else json.dumps(_CONFIG))
            text = header(size) if header else b"{}"
            archive.writestr("adapter_model.safetensors", len(text).to_bytes(8, "little") + text)
            for number in range(size // 120 if entries else 0):
                archive.writestr(f"notes/{number}.txt", b"")
        return made.getvalue()

    return make


def tensors(size: int) -> bytes:
    facts = {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]}
    name = "base_model.model.model.layers.{n}.self_attn.q_proj.lora_A.weight"
    return json.dumps({name.format(n=n): facts for n in range(size // 130)}).encode()


def gguf(size: int) -> bytes:
    """Facts of a byte each."""
    fact = struct.pack("<Q1sIB", 1, b"a", 0, 1)
    return b"GGUF" + struct.pack("<IQQ", 3, 0, size // len(fact)) + fact * (size // len(fact))


def read_adapter(path: Path) -> None:
    folder = path.with_suffix(".folder")
    folder.mkdir()
    unpack_zip(path, folder)


def read_gguf(path: Path) -> None:
    read_gguf_header(path)


ADAPTERS: dict[str, tuple[str, Make]] = {
    "zip: noise": ("a.zip", zipped(config=lambda size: zipped()(0) + bytes(size))),
    "zip: files": ("a.zip", zipped(entries=True)),
    "config: brackets": ("a.zip", zipped(config=again("["))),
    "config: targets": ("a.zip", zipped(config=again('"q_proj",', '{"target_modules":[', '"q_proj"]}'))),
    "config: a pattern": ("a.zip", zipped(config=again("(a+)+", '{"target_modules":"', '"}'))),
    "safetensors: tensors": ("a.zip", zipped(header=tensors)),
    "safetensors: brackets": ("a.zip", zipped(header=again("["))),
    "gguf: facts": ("a.gguf", gguf),
}
