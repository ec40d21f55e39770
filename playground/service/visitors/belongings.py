"""All that is somebody's on this server: removing it whole, and giving it to who the owner turns out to be."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel

from playground.data_dir import DataDir
from playground.errors import BusyError
from playground.protocol.model import ModelHost
from playground.service.adapters import AdapterService
from playground.service.corrections import Corrections
from playground.service.finetuning import FinetuningService
from playground.service.owners import Owners, check_known
from playground.service.uploads import Uploads


class Removed(BaseModel, frozen=True):
    """How much was removed: `uploads` are files, `bytes` all on the disk, files made to be fetched too."""

    adapters: int
    runs: int
    corrections: int
    uploads: int
    bytes: int


class Belongings:
    """Thread-safe. What the services hold in memory is let go of first; then an owner's folders are removed whole, so
    that nothing in them can be forgotten."""

    def __init__(
        self,
        data: DataDir,
        host: ModelHost,
        adapters: AdapterService,
        finetuning: FinetuningService,
        corrections: Corrections,
        uploads: Uploads,
        owners: Owners,
    ) -> None:
        self._data, self._host = data, host
        self._adapters, self._finetuning, self._corrections = adapters, finetuning, corrections
        self._uploads, self._owners = uploads, owners
        self._lock = threading.Lock()
        self._changing: set[str] = set()

    def delete_everything(self, owner: str, earlier: str = "") -> Removed:
        """Remove all of an owner's, for good; blocks. The key by which the owner is known stays good, and owns nothing.

        `earlier` is whose was what has not moved to the owner yet: that goes too. Runs that wait or go on end at once
        and leave nothing. Raises `InputError` for a stranger, and `BusyError` where a run does not let go, or while
        this goes on already.
        """
        check_known(owner)
        removed = [self._delete(one) for one in dict.fromkeys((owner, earlier)) if one]
        return Removed(**{name: sum(getattr(one, name) for one in removed) for name in Removed.model_fields})

    def _delete(self, owner: str) -> Removed:
        with self._alone(owner):
            homes = self._data.homes(owner)
            size = sum(_size(path) for home in homes for path in home.rglob("*"))
            uploads = sum(path.is_file() for path in self._data.sent(owner).rglob("*"))
            corrections = self._corrections.count(owner)
            runs = self._finetuning.remove_all(owner)  # first: what goes on makes new things
            adapters = self._adapters.remove_all(owner)
            self._uploads.forget(owner)
            self._data.remove_homes(owner)
            self._host.forget_owner(owner)
            self._owners.forget(owner)
        return Removed(adapters=adapters, runs=runs, corrections=corrections, uploads=uploads, bytes=size)

    def take_over(self, owner: str, to: str) -> None:
        """Give all that an owner has to another one: to an account what was its key's. Blocks.

        By renames, so that nothing is ever gone; adapters keep their ids. A run that waits or goes on stays until it
        is over, and moves when this is asked the next time. Raises `BusyError` while something else is done with it.
        """
        if owner == to or not self._data.homes(owner):
            return
        with self._alone(owner), self._alone(to):
            self._data.adopt(owner)
            going_on = self._finetuning.move_all(owner, to)
            self._adapters.move_all(owner, to)
            self._corrections.move_all(owner, to)
            self._data.move_rest(owner, to, going_on)

    @contextmanager
    def _alone(self, owner: str) -> Iterator[None]:
        with self._lock:
            if owner in self._changing:
                raise BusyError("What is yours is being moved or removed already. It takes a moment.")
            self._changing.add(owner)
        try:
            yield
        finally:
            with self._lock:
                self._changing.discard(owner)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size if path.is_file() else 0
    except FileNotFoundError:  # removed by somebody else just now
        return 0
