"""A zip from a stranger: looked at before a byte of it is written, and never believed."""

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from playground.adapters.quote import quote
from playground.errors import AdapterError
from playground.files import disk_full_as_error
from playground.sentence import N_

MAX_ENTRIES = 200
_MAX_DEPTH = 8
_DRIVE = re.compile("[A-Za-z]:")
_MAX_INDEX_BYTES = 256 * 1024
_END = struct.Struct("<4s4H2LH")
"""The record that ends a zip: its mark, three counts, the entries, the bytes of their index, its place, a comment."""
_END_MARK, _LARGE_MARK = b"PK\x05\x06", b"PK\x06\x07"
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What every system writes. Others want a dictionary of memory as large as the zip pleases."""
_NOT_A_ZIP = N_("The file is not a zip, or it is damaged. Zip the adapter's folder again.")
_UNUSUAL = N_("The zip is packed in an unusual way. Zip the adapter's folder again, as an ordinary zip.")
Files = dict[PurePosixPath, zipfile.ZipInfo]


@contextmanager
def opened(path: Path, max_bytes: int) -> Iterator[tuple[zipfile.ZipFile, Files]]:
    """Open a zip and list its files by their places in it; raises `AdapterError`, also for what goes wrong inside."""
    try:
        if path.stat().st_size > max_bytes:
            raise AdapterError("The zip is larger than {limit} MB.", limit=max_bytes // 1024**2)
        _check_index(path)
        with disk_full_as_error(), zipfile.ZipFile(path) as archive:
            yield archive, _files(archive.infolist())
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OSError) as error:
        raise AdapterError(_NOT_A_ZIP) from error


def extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, limit: int) -> None:
    """Count what really comes out: the size that a zip declares may be a lie."""
    if entry.compress_type not in _PACKINGS:
        raise AdapterError(_UNUSUAL)
    written = 0
    with archive.open(entry) as read, target.open("xb") as write:
        while chunk := read.read(1024**2):
            written += len(chunk)
            if written > limit:
                raise AdapterError(
                    "'{name}' in the zip is larger than {limit} KB.", name=target.name, limit=limit // 1024
                )
            write.write(chunk)


def _check_index(path: Path) -> None:
    """`zipfile` reads the whole index before anybody can count: a wicked one has millions of entries."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END.size - 2**16))
        tail = file.read()
    at = len(tail) - _END.size
    if tail[at : at + 4] != _END_MARK or tail[-2:] != b"\0\0":
        at = tail.rfind(_END_MARK)
    if at < 0 or len(tail) - at < _END.size:
        raise AdapterError(_NOT_A_ZIP)
    *_, entries, index_bytes, _place, _comment = _END.unpack_from(tail, at)
    if tail[max(0, at - 20) : at].startswith(_LARGE_MARK):  # for thousands of files: then these counts do not hold
        raise AdapterError(_UNUSUAL)
    if entries > MAX_ENTRIES or index_bytes > _MAX_INDEX_BYTES:
        raise _too_many()


def _files(entries: list[zipfile.ZipInfo]) -> Files:
    if len(entries) > MAX_ENTRIES:
        raise _too_many()
    files: Files = {}
    for entry in entries:
        place = _safe_place(entry)
        if place in files:
            raise AdapterError("The zip holds '{name}' twice.", name=quote(str(place), 120))
        if not entry.orig_filename.endswith(("/", "\\")):
            files[place] = entry
    return files


def _too_many() -> AdapterError:
    return AdapterError("The zip holds more than {limit} files. Zip one adapter only.", limit=MAX_ENTRIES)


def _safe_place(entry: zipfile.ZipInfo) -> PurePosixPath:
    name = entry.orig_filename.replace("\\", "/")  # as some programs on Windows write it
    place = PurePosixPath(name)
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise AdapterError("The zip holds '{name}', a link. Zip the files themselves.", name=quote(name, 120))
    if _DRIVE.match(name) or "\0" in name or ".." in place.parts or place.is_absolute():
        raise AdapterError("The zip holds '{name}', a path that leads out of it.", name=quote(name, 120))
    if len(place.parts) > _MAX_DEPTH:
        raise AdapterError("The zip holds '{name}', too many folders deep.", name=quote(name, 120))
    if entry.flag_bits & 1:
        raise AdapterError("The zip has a password. Zip the adapter without one.")
    return place
