"""What visitors send: counted while it arrives, and removed once nobody can need it any more."""

import asyncio
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from os import stat_result
from pathlib import Path

from playground.data_dir import DataDir
from playground.errors import InputError
from playground.service.quota import Quota

ZIP_KEPT_S, KEPT_S = 3600.0, 24 * 3600.0
"""An adapter is imported as soon as it is there; examples wait until somebody has made up their mind to teach them."""
MAX_UPLOADS_BYTES = 10 * 2**30


@dataclass(slots=True, eq=False)
class Upload:
    """What one visitor sends in one request; `size` in bytes, so far."""

    owner: str
    at: float
    there: int
    """In bytes, what lay in the folder when it began."""
    size: int = 0


class Uploads:
    """All that arrives, in one event loop."""

    def __init__(self, data: DataDir, quota: Quota) -> None:
        self._data = data
        self._quota = quota
        self._sent: list[Upload] = []
        self._arriving: list[Upload] = []

    async def begin(self, owner: str) -> Upload:
        """Sweep the folder, and count one more from now on; strangers are all counted as one."""
        now = time.time()
        upload = Upload(owner, now, await asyncio.to_thread(sweep, self._data, now))
        self._sent = [sent for sent in self._sent if now - sent.at < KEPT_S] + [upload]
        self._arriving.append(upload)
        return upload

    def grow(self, upload: Upload, size: int) -> None:
        """So much of it has arrived; raises `InputError` where the visitor, or all together, have sent too much.

        What is refused leaves its room to the others.
        """
        upload.size = size
        try:
            self._check(upload)
        except InputError:
            upload.size = 0
            raise

    def end(self, upload: Upload) -> None:
        """It has arrived, or never will: then set its size to 0 before."""
        self._arriving.remove(upload)

    def _check(self, upload: Upload) -> None:
        sent = sum(other.size for other in self._sent if other.owner == upload.owner)
        most = self._quota.max_bytes_a_day()
        if most is not None and sent > most:
            raise InputError(
                "You have sent {size} GB within a day, the most there can be. Try again tomorrow.",
                size=f"{most / 1e9:.1f}",
            )
        if upload.there + sum(other.size for other in self._arriving) > MAX_UPLOADS_BYTES:
            raise InputError("The server has no room for more files now. Try again in some hours.")
        self._quota.check_disk()


def sweep(data: DataDir, now: float) -> int:
    """Remove old uploads, and what is left of broken ones; returns the bytes of the others.

    Gradio removes only what it remembers to have taken in whole. They lie around the downloads, which are not touched.
    Only in a folder below the data folder is everything ours: elsewhere nothing is removed.
    """
    folder = data.uploads
    ours = data.root.resolve() in folder.resolve().parents
    kept = 0
    for place in folder.glob("*"):
        if place == data.downloads:
            continue
        facts = dict(_facts(place))
        zips = all(path.suffix.lower() == ".zip" for path in facts if path != place)
        newest = max((fact.st_mtime for fact in facts.values()), default=now)
        if not ours or now - newest < (ZIP_KEPT_S if zips else KEPT_S):
            kept += sum(fact.st_blocks * 512 for fact in facts.values())
        elif place.is_dir():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)
    return kept


def _facts(place: Path) -> Iterator[tuple[Path, stat_result]]:
    """A file, or a folder and the files in it; what disappears meanwhile is left out."""
    for path in [place, *place.rglob("*")]:
        try:
            yield path, path.lstat()
        except FileNotFoundError:
            continue
