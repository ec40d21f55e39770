"""Files that are not what they are called: told by their first bytes or words, read as what they are, or refused."""

import re
import zipfile
from pathlib import Path

from playground.data.readers.header import header_place
from playground.data.table import MAX_COLUMNS
from playground.errors import DataError
from playground.sentence import N_

_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf", b"Rar!")
ZIP = b"PK\x03\x04"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_DOCUMENTS = ((b"%PDF", "PDF"), (b"{\\rtf", "RTF"))
_OFFICE_PARTS = ("word/", "ppt/", "content.xml")
_WEB_PAGE = re.compile(r"\s*<(!doctype html|html)\b", re.IGNORECASE)
_OBJECTS = re.compile(r'\s*(\[\s*)?\{\s*["\']')
_POINTER = "version https://git-lfs.github.com/"
_SAMPLE_CHARS = 10_000
_COMPRESSED = N_("The file '{name}' is compressed. Unpack it and upload what is inside.")


def sniff_container(path: Path, label: str, start: bytes) -> str:
    """ "parquet" or "xlsx" for what begins like one, "" for a text; raises `DataError` for what cannot be read."""
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(_PACKED):
        raise DataError(_COMPRESSED, name=label)
    for sign, kind in _DOCUMENTS:
        if start.startswith(sign):
            raise DataError(
                "The file '{name}' is a {kind}, a kind that cannot be read. Copy its text into a TXT file or a table.",
                name=label,
                kind=kind,
            )
    if start.startswith(_OLD_OFFICE):
        raise DataError(
            "The file '{name}' is of an old kind of Excel or Word, or has a password. Save it as XLSX without a "
            "password, or as CSV.",
            name=label,
        )
    return _zipped(path, label) if start.startswith(ZIP) else ""


def _zipped(path: Path, label: str) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError):
        return "xlsx"  # damaged, which is said when it is read
    if any(name.startswith("xl/") for name in names):
        return "xlsx"
    if any(name.startswith(_OFFICE_PARTS) for name in names):
        raise DataError("The file '{name}' is of a kind that cannot be read. Save it as CSV.", name=label)
    raise DataError(_COMPRESSED, name=label)


def sniff_text(text: str, kind: str, label: str) -> str:
    """The kind of what a text holds, mostly the one that its name says; raises `DataError` for no data at all."""
    if text.startswith(_POINTER):
        raise DataError(
            "The file '{name}' is only a pointer to the real one (Git LFS). Download that and upload it.", name=label
        )
    if kind != "txt" and _WEB_PAGE.match(text):
        raise DataError(
            "The file '{name}' is a web page, perhaps one that asks for a password. Download the data again.",
            name=label,
        )
    if kind not in ("json", "jsonl"):
        if _OBJECTS.match(text):
            return "jsonl" if text.lstrip().startswith("{") else "json"
        return _table(text) or _tabbed(text) or kind if kind == "txt" else kind
    return kind if text.lstrip()[:1] in ("[", "{", '"', "/") else _table(text) or kind


def _table(text: str) -> str:
    """ "tsv" or "csv" where the first line names two columns that are known."""
    first = text.lstrip().split("\n", 1)[0]
    for sign, kind in (("\t", "tsv"), (",", "csv"), (";", "csv"), ("|", "csv")):
        names = [name.strip().strip('"') for name in first.split(sign, MAX_COLUMNS)]
        if header_place([[], names]):
            return kind
    return ""


def _tabbed(text: str) -> str:
    """ "tsv" where all of the first lines have tabs, as many each."""
    lines = [line for line in text[:_SAMPLE_CHARS].split("\n")[:-1] if line.strip()]
    tabs = {line.count("\t") for line in lines}
    return "tsv" if len(lines) > 1 and len(tabs) == 1 and 0 not in tabs else ""
