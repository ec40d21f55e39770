"""What somebody prepares to teach, kept across reloads and visits: the file with all that was chosen for it."""

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from playground.data.selection import RowChanges
from playground.data_dir import DataDir
from playground.errors import InputError
from playground.files import disk_full_as_error, write_json
from playground.service.datasets import READY_FILES
from playground.service.reading.dataset import DatasetFile

Rows = list[list[str]]


class Drafts:
    """Of each owner the last one. Files are named by where they lie in the owner's folders, which may move.

    Thread-safe.
    """

    def __init__(self, data: DataDir, check_disk: Callable[[], None]) -> None:
        """`check_disk` raises `InputError` where too little room is left for everybody."""
        self._data = data
        self._check_disk = check_disk
        self._lock = threading.Lock()

    def keep(self, owner: str, file: DatasetFile) -> None:
        """Remember a file as it is to be read; one that is not the owner's is not kept."""
        for home, folder in self._homes(owner).items():
            if file.path.resolve().is_relative_to(folder.resolve()):
                known = {
                    "home": home,
                    "path": str(file.path.resolve().relative_to(folder.resolve())),
                    "name": file.name,
                    "format": file.format,
                    "columns": dict(file.columns),
                    "repairs": None if file.repairs is None else list(file.repairs),
                    **file.changes.to_plain(),
                }
                self._write(self._data.draft(owner), known)

    def find(self, owner: str) -> DatasetFile | None:
        """The file as it was last; None where there is none, where it is gone, or where the disk has damaged it."""
        try:
            known = json.loads(self._data.draft(owner).read_text(encoding="utf-8"))
            folder = self._homes(owner)[known["home"]]
            path = folder / known["path"]
            if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
                return None
            changes = RowChanges.read(known["left_out"], known["edited"])
            return DatasetFile(path, known["name"], known["format"], known["columns"], known["repairs"], changes)
        except (FileNotFoundError, ValueError, KeyError, TypeError, InputError):
            return None

    def forget(self, owner: str) -> None:
        self._data.draft(owner).unlink(missing_ok=True)

    def keep_typed(self, owner: str, rows: Rows) -> None:
        """Remember a table that is being written on the page, in the place of the one before."""
        self._write(self._data.typed(owner), rows)

    def typed(self, owner: str) -> Rows:
        """The table as it was last; empty where there is none, or where the disk has damaged it."""
        try:
            rows = json.loads(self._data.typed(owner).read_text(encoding="utf-8"))
            return [[str(cell) for cell in row] for row in rows]
        except (FileNotFoundError, ValueError, TypeError):
            return []

    def _homes(self, owner: str) -> Mapping[str, Path]:
        return {"sent": self._data.sent(owner), "made": self._data.to_fetch(owner), "ready": READY_FILES}

    def _write(self, path: Path, known: object) -> None:
        self._check_disk()
        with self._lock, disk_full_as_error():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, known)
