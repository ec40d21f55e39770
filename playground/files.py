"""Writing so that a power cut leaves either the old or the new, never half."""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playground.errors import AdapterError

KEPT_FREE_BYTES = 2 * 2**30
"""What strangers must leave free on the disk: for training runs, and for what is being written by others."""


def write_json(path: Path, value: object) -> None:
    """Replace the file in one step; when that fails the old one stays, and nothing beside it."""
    aside = path.with_name(f".{path.name}.writing")
    try:
        with aside.open("w", encoding="utf-8") as file:
            json.dump(value, file, ensure_ascii=False, indent=2, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    sync_folder(path.parent)


def copy_file(source: Path, target: Path) -> None:
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
