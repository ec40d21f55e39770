"""What a visitor has begun in Fine-tune: the file and how it is read, or the run. A reload loses nothing."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError

from playground.data_dir import DataDir
from playground.files import write_json
from playground.service.datasets import READY_FILES
from playground.service.owners import check_known

log = logging.getLogger(__name__)


class Work(BaseModel, frozen=True):
    """`path` is where the file lies on the server, `step` the open step of Fine-tune."""

    job_id: str = ""
    path: str = ""
    format: str = ""
    columns: Mapping[str, str] = {}
    repairs: tuple[str, ...] | None = None
    step: int = 0


class WorkInProgress:
    """One of each owner, in the owner's folder: it goes and moves with all else there."""

    def __init__(self, data: DataDir) -> None:
        self._data = data

    def keep(self, owner: str, work: Work) -> None:
        """In place of what was kept; blocks. Raises `InputError` for a stranger."""
        check_known(owner)
        if work != self.read(owner):
            path = self._data.work(owner)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, work.model_dump())

    def read(self, owner: str) -> Work:
        """An empty one where nothing is kept."""
        try:
            return Work(**json.loads(self._data.work(owner).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return Work()
        except (ValueError, TypeError, ValidationError):  # the disk damaged it
            log.warning("%s cannot be read and is left out", self._data.work(owner))
            return Work()

    def path(self, owner: str, work: Work) -> Path | None:
        """The file, if it is still there and the owner's, or one of ours: uploads are kept for a day."""
        path = Path(work.path)
        if path.parent == READY_FILES:
            return path if path.is_file() else None
        return self._data.own_file(owner, path)
