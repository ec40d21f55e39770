"""Fetches rows of a set of the hub, no more of its files than they take. Done in a process of its own, as for uploads:
what is fetched is strangers'."""

import io
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub.utils import hf_raise_for_status

from playground.data.readers.parquet import plain_rows
from playground.data.table import MAX_FILE_BYTES
from playground.errors import DataError
from playground.models.hub_dataset import dataset_errors_told
from playground.models.hub_errors import TIMEOUT_S
from playground.protocol.hub_dataset import HubSplit
from playground.sentence import N_

MAX_FETCHED_BYTES = 256 * 2**20
"""Of a set's files, for one taking."""
MAX_FETCHING_S = 120.0
"""After so long, what is there is taken."""
_ROOM_BYTES = MAX_FILE_BYTES - 2**20
"""In the file that is made: it goes on like an upload."""
_PIECE = 2**16
TOO_MUCH = N_(
    "{limit} MB of the set were fetched without coming to {rows} rows. Ask for fewer, or choose another part of it."
)


@dataclass(frozen=True, slots=True)
class FetchedRows:
    """The file that was made, how many rows it has (0 where they were not counted), and the columns that were left out,
    since they hold pictures or sounds."""

    path: Path
    rows: int
    left_out: tuple[str, ...] = ()


def fetch_rows(
    dataset: str, split: HubSplit, rows: int, folder: Path, name: str, headers: Mapping[str, str]
) -> FetchedRows:
    """Write the first rows of a split into a file in `folder`; raises `DataError`."""
    with dataset_errors_told(dataset), httpx2.Client(follow_redirects=True, timeout=TIMEOUT_S) as client:
        hub = _Connection(client, rows)
        if split.kind == "parquet":
            return _of_parquet(split, rows, folder / f"{name}.jsonl", headers, hub)
        return _of_text(split, rows, folder / f"{name}.{split.kind}", headers, hub)


class _Connection:
    """To the hub, with a count of what is fetched. Not the client's own session: that goes by what this process was
    begun with."""

    def __init__(self, client: httpx2.Client, rows: int) -> None:
        self.client = client
        self._rows, self._left, self._until = rows, MAX_FETCHED_BYTES, time.monotonic() + MAX_FETCHING_S

    @property
    def is_late(self) -> bool:
        return time.monotonic() > self._until

    def take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise DataError(TOO_MUCH, limit=MAX_FETCHED_BYTES // 2**20, rows=self._rows)


class _Remote(io.RawIOBase):
    """A file of the hub, of which only what is asked for is fetched."""

    def __init__(self, url: str, size: int, headers: Mapping[str, str], hub: _Connection) -> None:
        self._url, self._size, self._headers, self._hub, self._place = url, size, headers, hub, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + (0, self._place, self._size)[whence]
        return self._place

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._size - self._place)
        if wanted <= 0:
            return 0
        asked = {**self._headers, "Range": f"bytes={self._place}-{self._place + wanted - 1}"}
        read = b"".join(_pieces(self._url, asked, self._hub, wanted, self._place))
        buffer[: len(read)] = read
        self._place += len(read)
        return len(read)


def _pieces(url: str, headers: Mapping[str, str], hub: _Connection, most: int, start: int = 0) -> Iterator[bytes]:
    """At most so many bytes, from a place on where `headers` ask for that; a server may send all from the beginning."""
    with hub.client.stream("GET", url, headers=dict(headers)) as response:
        hf_raise_for_status(response)
        passed = start if response.status_code != 206 else 0
        for piece in response.iter_bytes():
            hub.take(len(piece))
            kept = piece[passed:][:most]
            passed, most = max(0, passed - len(piece)), most - len(kept)
            if kept:
                yield kept
            if most <= 0:
                return


def _of_parquet(split: HubSplit, rows: int, target: Path, headers: Mapping[str, str], hub: _Connection) -> FetchedRows:
    count = written = 0
    binary: dict[str, None] = {}
    with target.open("w", encoding="utf-8", newline="\n") as out:
        for url, size in split.files:
            for row in plain_rows(io.BufferedReader(_Remote(url, size, headers, hub), _PIECE), binary):
                line = json.dumps(
                    {name: value for name, value in row.items() if name not in binary}, ensure_ascii=False
                )
                written += len(line.encode("utf-8", "replace")) + 1
                if count >= rows or (count and (written > _ROOM_BYTES or hub.is_late)):
                    return FetchedRows(target, count, tuple(binary))
                out.write(f"{line}\n".encode("utf-8", "replace").decode())
                count += 1
    return FetchedRows(target, count, tuple(binary))


def _of_text(split: HubSplit, rows: int, target: Path, headers: Mapping[str, str], hub: _Connection) -> FetchedRows:
    """The first lines of the first file, records of CSV kept whole; of JSON all, which is cut when it is there."""
    url, size = split.files[0]
    asked = {**headers, "Accept-Encoding": "identity"}
    if split.kind == "json":
        if size > _ROOM_BYTES:
            raise DataError(
                "The file has {size} MB; {limit} MB is the most. Choose another part of the set.",
                size=size // 2**20,
                limit=_ROOM_BYTES // 2**20,
            )
        return _of_json(b"".join(_pieces(url, asked, hub, size)), rows, target)
    wanted = rows + (split.kind in ("csv", "tsv"))
    count, quotes, rest, written = 0, 0, b"", 0
    with target.open("wb") as out:
        for piece in _pieces(url, asked, hub, _ROOM_BYTES):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                out.write(line + b"\n")
                written += len(line) + 1
                quotes += line.count(b'"') if split.kind == "csv" else 0
                count += quotes % 2 == 0 and bool(line.strip())
                if count >= wanted:
                    return FetchedRows(target, rows)
            if hub.is_late:
                break
        if rest and written + len(rest) >= size:  # the last line has no end
            out.write(rest)
            count += 1
    return FetchedRows(target, max(0, count - (wanted - rows)))


def _of_json(raw: bytes, rows: int, target: Path) -> FetchedRows:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        value = None  # what is wrong with it is said when it is read
    if isinstance(value, list) and len(value) > rows:
        raw = json.dumps(value[:rows], ensure_ascii=False).encode("utf-8", "replace")
    target.write_bytes(raw)
    return FetchedRows(target, min(len(value), rows) if isinstance(value, Sequence) and value else 0)
