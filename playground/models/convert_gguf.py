"""Make a GGUF file a model that transformers loads: `python -m playground.models.convert_gguf FILE OUT FOLDER`.

A process of its own, since it takes six bytes a weight for a while. It tells how far it is as a download does, by a
file in FOLDER; the model's folder, below OUT, is there whole or not at all. transformers does the reading.
"""

import argparse
import errno
import hashlib
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from playground.errors import ModelError, PlaygroundError, first_line
from playground.files import publish_folder
from playground.memory import free_beside
from playground.models.download import PROGRESS_FILE, Progress
from playground.models.gguf_header import GgufHeader, read_gguf_header
from playground.models.model_shape import ModelShape
from playground.process import LOG_FILE, become_worker
from playground.sentence import Sentence

log = logging.getLogger(__name__)

STORED_BYTES = 2
"""A weight in the model that comes of it, in bf16."""
_MEANWHILE_BYTES = 4 + STORED_BYTES
"""A weight in memory: transformers unpacks all of them to fp32 before it makes the model."""
_OF_THE_FILE = ("_name_or_path", "_model_name_or_path", "quantization_config")
"""What a configuration has of the file that is true no more."""
_WRITING = ".writing"


def converted_folder(file: Path, out: Path) -> Path:
    """Where the model made of a file is, or will be; another content has another place. Raises `ModelError`."""
    try:
        stat = file.stat()
    except OSError as error:
        raise ModelError("There is no file {file} here.", file=file) from error
    told = f"{file.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}"
    return out / hashlib.sha256(told.encode()).hexdigest()[:16] / file.stem


def read_gguf(file: Path) -> GgufHeader:
    """Its header; raises `ModelError`."""
    try:
        return read_gguf_header(file)
    except (OSError, ValueError) as error:
        raise ModelError("{file} cannot be read as a GGUF file: {reason}.", file=file.name, reason=error) from error


def shape_of_gguf(header: GgufHeader) -> ModelShape | None:
    """What sizes are computed from; None where the file does not tell enough."""
    heads, hidden = header.number("attention.head_count"), header.number("embedding_length")
    head_dim = header.number("attention.key_length") or (hidden // heads if heads else 0)
    vocab, layers = header.tensors.get("token_embd.weight", (0, 0))[-1], header.number("block_count")
    if not (heads and hidden and head_dim and vocab and layers):
        return None
    kv_heads = header.number("attention.head_count_kv") or heads
    tied = "output.weight" not in header.tensors
    return ModelShape(header.num_parameters, vocab, hidden, layers, kv_heads, head_dim, tied)


def why_not_converted(header: GgufHeader) -> Sentence | None:
    """Say why a file cannot be converted here; None where it can, as far as that is known before."""
    needed, free = header.num_parameters * _MEANWHILE_BYTES, free_beside()
    if needed <= free:
        return None
    return Sentence(
        "To unpack this GGUF file takes {needed} GB of memory for a while, and {free} GB are free.",
        needed=f"{needed / 10**9:.1f}",
        free=f"{free / 10**9:.1f}",
    )


def convert(file: Path, out: Path, progress: Progress) -> Path:
    """Write the model beside nothing else, and return its folder; raises `ModelError`."""
    folder = converted_folder(file, out)
    if folder.is_dir():
        return folder
    header = read_gguf(file)
    why = why_not_converted(header)
    if why:
        raise ModelError(why)
    size = file.stat().st_size
    progress.begin(0, size)
    writing = folder.with_name(_WRITING)
    shutil.rmtree(writing, ignore_errors=True)
    writing.mkdir(parents=True)
    try:
        unpack(file, writing, lambda share: progress.tell(int(share * size)))
        publish_folder(writing, folder)
    finally:
        shutil.rmtree(writing, ignore_errors=True)
    return folder


def unpack(file: Path, folder: Path, tell: Callable[[float], None] = lambda share: None) -> None:
    """Store the model of a file in a folder, unquantized in bf16; `tell` is told the share that is done.

    Raises `ModelError`.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers import modeling_gguf_pytorch_utils as reading

    # transformers tells how far it is by a bar of tqdm, and in no other way
    reading.tqdm = lambda tensors, **_: _told(tensors, tell)
    try:
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(
            file.parent,
            gguf_file=file.name,
            local_files_only=True,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
        )
    except Exception as error:
        log.warning("%s cannot be read", file, exc_info=True)
        raise ModelError(
            "{file} is of a kind that cannot be read here ({reason}). Choose the original that it was made from.",
            file=file.name,
            reason=first_line(error),
        ) from error
    for named in _OF_THE_FILE:
        if hasattr(model.config, named):
            delattr(model.config, named)
    model.hf_quantizer, model.is_quantized = None, False
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)


def _told(tensors: Iterable[Any], tell: Callable[[float], None]) -> Iterator[Any]:
    every = list(tensors)
    for at, tensor in enumerate(every):
        yield tensor
        tell((at + 1) / len(every))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m playground.models.convert_gguf", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    become_worker(asked.folder / LOG_FILE, offline=True)
    progress = Progress(asked.folder / PROGRESS_FILE)
    try:
        progress.finish(convert(asked.file, asked.out, progress))
    except PlaygroundError as error:
        log.info("%s", error)
        progress.fail(error.sentence)
    except MemoryError:
        progress.fail(Sentence("There was not enough memory to unpack {file}.", file=asked.file.name))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        progress.fail(Sentence("The disk became full while {file} was unpacked. Make room.", file=asked.file.name))


if __name__ == "__main__":
    main()
