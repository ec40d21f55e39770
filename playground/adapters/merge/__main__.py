"""The process that works an adapter into its base model: `python -m playground.adapters.merge MODEL ADAPTER OUT`.

MODEL and ADAPTER are folders, OUT is the zip to write: the base model's files with their weights in the precision that
they are stored in, as transformers reads them. The weights go from file to file in pieces, so that a model of any size
takes the same memory. What is told goes to OUT.log; the reason for a refusal also to OUT.json, for who asked.
"""

import json
import logging
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from playground.adapters.check import AdapterFacts, check_folder
from playground.adapters.merge.files import log_file, refusal_file
from playground.errors import AdapterError, PlaygroundError
from playground.files import KEPT_FREE_BYTES, disk_full_as_error, open_atomic, write_json
from playground.memory import free_beside
from playground.models.weights import WeightFile, find_weights
from playground.process import become_worker

if TYPE_CHECKING:  # brings torch, which may be imported only after `become_worker`
    from playground.adapters.merge.deltas import DeltaWeight

MAX_MERGED_BYTES = 40 * 10**9
"""Larger files seldom arrive whole through a browser."""
MEMORY_BYTES = 2**30
"""Measured with the starter: 0.36 GB in all. The largest adapter that is taken adds as much again."""
_UNPACKED = 4
"""times the bytes that weights take in 4 bits, they take in 16."""
_PIECE_BYTES = 16 * 2**20
_COPIED_FILES = (
    "tokenizer*",
    "*.jinja",
    "vocab.*",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "generation_config.json",
    "*.model",
    "LICENSE*",
)
"""What transformers reads beside weights and configuration, and what the licence asks to go along."""

log = logging.getLogger("playground.adapters.merge")


def main(arguments: list[str]) -> int:
    """Make one zip; returns the exit code: 0 when it is there, 2 for a refusal, 1 for anything else."""
    if len(arguments) != 3:
        print("usage: python -m playground.adapters.merge MODEL_FOLDER ADAPTER_FOLDER OUT.zip", file=sys.stderr)
        return 2
    model, adapter, out = (Path(argument).absolute() for argument in arguments)
    become_worker(log_file(out), offline=True)
    try:
        merge(model, adapter, out)
    except PlaygroundError as error:
        log.exception("no whole model was made")
        write_json(refusal_file(out), error.sentence.to_plain())
        return 2
    except Exception:
        log.exception("no whole model was made")
        return 1
    return 0


def merge(model: Path, adapter: Path, out: Path) -> None:
    """Write the whole model, or nothing; raises `AdapterError` with the reason for what cannot be done."""
    facts = check_folder(adapter)
    size = sum(stored.size for stored in find_weights(model))
    if "quantization_config" not in json.loads((model / "config.json").read_text(encoding="utf-8")):
        check_room(size, out.parent)
        _merge(model, model, adapter, facts, out)
        return
    from playground.adapters.merge.dequantize import dequantized

    check_room(_UNPACKED * size, out.parent, _UNPACKED * size)
    with disk_full_as_error(), dequantized(model, out.parent) as full:
        _merge(full, model, adapter, facts, out)


def _merge(model: Path, others: Path, adapter: Path, facts: AdapterFacts, out: Path) -> None:
    """Configuration and weights are those of `model`, all other files those of `others`."""
    from playground.adapters.merge.deltas import delta_weights

    weights = find_weights(model)
    deltas = delta_weights(model, adapter, facts, weights)
    with disk_full_as_error(), open_atomic(out) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for stored in weights:
            entry = zipfile.ZipInfo(stored.path.name)
            with archive.open(entry, "w", force_zip64=True) as write:
                _write_weights(stored, deltas, write)
        archive.writestr("config.json", _config(model))
        beside = {path for pattern in _COPIED_FILES for path in others.glob(pattern) if path.is_file()}
        for path in sorted(beside.union(model.glob("model.safetensors.index.json"))):
            archive.write(path, path.name)


def check_room(size: int, folder: Path, memory: int = MEMORY_BYTES) -> None:
    """Raise `AdapterError` where a model of so many bytes is too large to be put together here, for which so many
    bytes of `memory` are needed."""
    free = shutil.disk_usage(folder).free
    if size > MAX_MERGED_BYTES:
        raise AdapterError(
            "The whole model would be {size} GB; at most {most} GB can be downloaded. Download the adapter alone.",
            size=f"{size / 1e9:.1f}",
            most=MAX_MERGED_BYTES // 10**9,
        )
    if size + KEPT_FREE_BYTES > free:
        raise AdapterError(
            "The server's disk has no room for the whole model, which takes {size} GB. Download the adapter alone.",
            size=f"{size / 1e9:.1f}",
        )
    if free_beside() < max(memory, MEMORY_BYTES):
        raise AdapterError(
            "The server has too little free memory to put the whole model together. Try again later, or download the "
            "adapter alone."
        )


def _write_weights(stored: WeightFile, deltas: "dict[str, DeltaWeight]", write: IO[bytes]) -> None:
    """The file again: its header as it is, since no weight changes its shape or type, then the weights in order."""
    with stored.path.open("rb") as read:
        write.write(read.read(stored.start))
        for name, weight in stored.weights.items():
            read.seek(weight.start)
            if name in deltas:
                write.writelines(deltas[name].applied(read, weight, _PIECE_BYTES))
            else:
                write.writelines(_pieces(read, weight.end - weight.start))


def _pieces(read: IO[bytes], left: int) -> Iterator[bytes]:
    while left > 0 and (piece := read.read(min(left, _PIECE_BYTES))):
        left -= len(piece)
        yield piece


def _config(model: Path) -> str:
    """The model's configuration without the place where it lay."""
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    return json.dumps(config, indent=2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
