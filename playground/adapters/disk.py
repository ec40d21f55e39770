"""Writing so that a power cut leaves either the old or the new, never half."""

import json
import os
import shutil
from pathlib import Path


def write_json(path: Path, value: object) -> None:
    """Replace the file in one step."""
    aside = path.with_name(f".{path.name}.writing")
    with aside.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=2, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
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
