"""Writes that are whole or not there: after a kill or a power cut the old or the new is found, never half of one."""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from playground.errors import AdapterError

KEPT_FREE_BYTES = 2 * 2**30
"""What strangers must leave free on the disk: for training runs, and for what is being written by others."""


@contextmanager
def open_atomic(path: Path, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """Open a file to write that takes the place of `path` once the block ends; `mode` is who may read it.

    When the block fails the old file stays, and nothing beside it.
    """
    tmp = tmp_path(path)
    try:
        with open(tmp, "wb", opener=lambda path, flags: os.open(path, flags, mode)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        tmp.replace(path)
    finally:
        tmp.unlink(missing_ok=True)
    sync_folder(path.parent)


def tmp_path(path: Path) -> Path:
    """Where `path` stands while it is not whole yet, as a file or as a folder."""
    return path.with_name(f".{path.name}.tmp")


def write_bytes(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Replace the file in one step; `mode` is who may read it."""
    with open_atomic(path, mode) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Replace the file in one step, in UTF-8 with line ends as they are; raises `ValueError` for lone surrogates."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: object) -> None:
    """Replace the file in one step; raises `ValueError` or `TypeError` for what is no JSON, NaN included."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False))


def publish_folder(tmp: Path, target: Path) -> None:
    """Force all that is in `tmp` to the disk, then rename it to `target`, in the place of an earlier one.

    At no moment does `target` hold a part of either.
    """
    for path in tmp.rglob("*"):
        if path.is_dir():
            sync_folder(path)
        else:
            _sync_file(path)
    sync_folder(tmp)
    old = target.with_name(f".{target.name}.old")
    if target.exists():
        if old.exists():
            shutil.rmtree(old)
        target.rename(old)
    tmp.rename(target)
    sync_folder(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def append_line(path: Path, line: str) -> None:
    """Append one line, after dropping a last one that a killed writer left without its end.

    One process at a time may write. The line is on its way to the disk when this returns; raises `OSError` where the
    disk does not take all of it.
    """
    _drop_torn_line(path)
    data = f"{line}\n".encode("utf-8", "replace")
    with path.open("ab", buffering=0) as file:
        if file.write(data) < len(data):  # a disk that is nearly full takes a part, and says nothing
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def copy_synced(source: Path, target: Path) -> None:
    """Copy a file to where there is none, and force it to the disk."""
    with source.open("rb") as read, target.open("xb") as write:
        shutil.copyfileobj(read, write, 1024**2)
        write.flush()
        os.fsync(write.fileno())


def sync_folder(folder: Path) -> None:
    """Make renames inside the folder last; where folders cannot be opened (Windows) the system does it itself."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def disk_full_as_error() -> Iterator[None]:
    """Make a full disk a sentence for the visitor; any other error stays what it is."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise AdapterError(
                "The server's disk is full, so nothing was kept. Whoever runs this server must make room."
            ) from error
        raise


def _sync_file(path: Path) -> None:
    with path.open("r+b") as file:  # Windows forces only what may be written
        os.fsync(file.fileno())


def _drop_torn_line(path: Path) -> None:
    if not path.exists():
        return
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            return
        file.seek(size - 1)
        if file.read(1) != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
