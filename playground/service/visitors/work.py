"""Where a visitor stands in Fine-tune: at which step with a draft, or at which run. A reload loses nothing."""

import json
import logging

from pydantic import BaseModel, ValidationError

from playground.data_dir import DataDir
from playground.files import write_json
from playground.service.owners import check_known

log = logging.getLogger(__name__)


class Work(BaseModel, frozen=True):
    """`job_id` is the run that is watched, `step` the open step of Fine-tune."""

    job_id: str = ""
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
