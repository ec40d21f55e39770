"""What visitors send: counted while it arrives, and removed once nobody can need it any more.

Each upload lies in a folder of its own below its owner's, so that nobody's file is in the way of another's.
"""

import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from os import stat_result
from pathlib import Path
from typing import NamedTuple

from playground.data_dir import DataDir, is_owner
from playground.errors import InputError
from playground.files import disk_full_as_error
from playground.service.quota import Quota
from playground.threads import slow

ZIP_KEPT_S, KEPT_S = 3600.0, 24 * 3600.0
"""An adapter is imported as soon as it is there; examples wait until somebody has made up their mind to teach them."""
SWEPT_EVERY_S = 60.0
MAX_UPLOADS_BYTES = 10 * 2**30
MAX_ADDRESS_BYTES = MAX_UPLOADS_BYTES // 2
"""Within a day, since keys are free."""
MAX_UPLOADS = 20_000
"""Files in all, since each costs more than the bytes that are in it."""
MAX_UPLOADS_A_DAY = 500
"""Of one visitor, where there are several."""
MAX_AT_ONCE, MAX_AT_ONCE_OF_ADDRESS = 16, 48
FOLDER_KEY = "playground.upload_folder"
"""In an ASGI scope: where the files of this request go."""
NO_ROOM = "The server has no room for more files now. Try again in some hours."


@dataclass(slots=True, eq=False)
class Upload:
    """What one visitor sends in one request; `size` in bytes, so far."""

    owner: str
    address: str
    at: float
    folder: Path
    size: int = 0


class Stored(NamedTuple):
    """What lies on the disk."""

    size: int
    files: int


class Uploads:
    """All that arrives, in one event loop."""

    def __init__(self, data: DataDir, quota: Quota) -> None:
        self._data = data
        self._quota = quota
        self._sent: list[Upload] = []
        self._arriving: list[Upload] = []
        self._ended: list[Upload] = []
        """Since the folder was last looked at."""
        self._stored = Stored(0, 0)
        self._swept_at = 0.0

    async def begin(self, owner: str, address: str) -> Upload:
        """Count one more from now on, for somebody known; raises `InputError` where there are too many already."""
        await self._sweep(time.time())
        now = time.time()
        self._sent = [sent for sent in self._sent if now - sent.at < KEPT_S]
        upload = Upload(owner, address, now, self._data.sent(owner) / secrets.token_hex(16))
        most = self._quota.max_bytes_a_day()
        if most is not None and sum(sent.owner == owner for sent in self._sent) >= MAX_UPLOADS_A_DAY:
            raise InputError(
                "You have sent {count} files within a day, the most there can be. Try again tomorrow.",
                count=MAX_UPLOADS_A_DAY,
            )
        if (
            sum(other.owner == owner for other in self._arriving) >= MAX_AT_ONCE
            or sum(other.address == address for other in self._arriving) >= MAX_AT_ONCE_OF_ADDRESS
        ):
            raise InputError("Several files of yours are on their way already. Wait until they have arrived.")
        if self._stored.files + len(self._ended) + len(self._arriving) >= MAX_UPLOADS:
            raise InputError(NO_ROOM)
        self._sent.append(upload)
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

    async def end(self, upload: Upload) -> None:
        """It has arrived, or never will: then set its size to 0 before, and what is there of it goes."""
        self._arriving.remove(upload)
        self._ended.append(upload)
        if not upload.size:
            await slow.run(shutil.rmtree, upload.folder, ignore_errors=True)

    async def add(self, owner: str, address: str, name: str, content: bytes) -> Path:
        """Keep a file that was made on the page as if it had been sent; raises `InputError` where it could not be."""
        upload = await self.begin(owner, address)
        path = upload.folder / name
        try:
            self.grow(upload, len(content))
            await slow.run(_write, path, content)
        except BaseException:
            upload.size = 0
            raise
        finally:
            await self.end(upload)
        return path

    def _check(self, upload: Upload) -> None:
        sent = sum(other.size for other in self._sent if other.owner == upload.owner)
        most = self._quota.max_bytes_a_day()
        if most is not None and sent > most:
            raise InputError(
                "You have sent {size} GB within a day, the most there can be. Try again tomorrow.",
                size=f"{most / 1e9:.1f}",
            )
        if most is not None and self._sent_from(upload.address) > MAX_ADDRESS_BYTES:
            raise InputError(NO_ROOM)
        if self._stored.size + sum(other.size for other in [*self._arriving, *self._ended]) > MAX_UPLOADS_BYTES:
            raise InputError(NO_ROOM)
        self._quota.check_disk()

    def own_file(self, owner: str, path: str) -> Path | None:
        """The file at `path`, if its owner may have it back; else None, whether there is one or not."""
        return self._data.own_file(owner, path)

    def forget(self, owner: str) -> None:
        """Name the owner no more; what was sent within the day still counts for where it came from."""
        for sent in self._sent:
            if sent.owner == owner and sent not in self._arriving:
                sent.owner = ""

    def _sent_from(self, address: str) -> int:
        return sum(other.size for other in self._sent if other.address == address)

    async def _sweep(self, now: float) -> None:
        """Look at the folder once in a while; what comes meanwhile is added to what was there."""
        if now - self._swept_at < SWEPT_EVERY_S:
            return
        self._swept_at = now
        before = len(self._ended)
        self._stored = await slow.run(sweep, self._data, now)
        del self._ended[:before]


def _write(path: Path, content: bytes) -> None:
    with disk_full_as_error():
        path.parent.mkdir(parents=True)
        path.write_bytes(content)


def sweep(data: DataDir, now: float) -> Stored:
    """Remove old uploads, and what is left of broken ones; returns what the others take.

    Gradio removes only what it remembers to have taken in whole. They lie around the downloads, which are not touched.
    Only in a folder below the data folder is everything ours: elsewhere nothing is removed.
    """
    ours = data.root.resolve() in data.uploads.resolve().parents
    size = files = 0
    for place in _places(data):
        facts = dict(_facts(place))
        regular = [path for path, fact in facts.items() if stat.S_ISREG(fact.st_mode)]
        zips = all(path.suffix.lower() in ("", ".zip") for path in regular)  # what arrives has no suffix yet
        newest = max((fact.st_mtime for fact in facts.values()), default=now)
        if not ours or now - newest < (ZIP_KEPT_S if zips else KEPT_S):
            size += sum(fact.st_blocks * 512 for fact in facts.values())
            files += len(regular)
        elif place.is_dir():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)
    return Stored(size, files)


def _places(data: DataDir) -> Iterator[Path]:
    """Each upload, and each owner's folder where nothing is in it; earlier versions kept all of them side by side."""
    for place in data.uploads.glob("*"):
        if place == data.downloads:
            continue
        uploads = list(place.glob("*")) if is_owner(place.name) else []
        yield from uploads or [place]


def _facts(place: Path) -> Iterator[tuple[Path, stat_result]]:
    """A file, or a folder and the files in it; what disappears meanwhile is left out."""
    for path in [place, *place.rglob("*")]:
        try:
            yield path, path.lstat()
        except FileNotFoundError:
            continue
