"""Bytes of an uploaded file to text. Never a guess that is not written down as a problem."""

import codecs
import re

from playground.data.table import Problem
from playground.errors import DataError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f]")
_NON_ASCII = re.compile(r"[^\x00-\x7f]")
_WESTERN = re.compile(r"[\u00c0-\u00ff\u0152\u0153\u0160\u0161\u0178\u017d\u017e‘’“”‚„–—…•€£¥©®™°«»¿¡§·´\u00a0]")
_BINARY = "This is not a text file. Upload CSV, TSV, JSON, JSONL, TXT, Parquet or XLSX."
_UNREADABLE = "The text cannot be read: line {line} is not in UTF-8. Save the file as UTF-8 and upload it again."


def decode(raw: bytes) -> tuple[str, list[Problem]]:
    """Text with `\\n` line ends, and a `Problem` where an old encoding had to be assumed; raises `DataError`."""
    text, problems = _decode(raw)
    if len(_CONTROLS.findall(text)) > len(text) // 200:
        raise DataError(_BINARY)
    return text.replace("\r\n", "\n").replace("\r", "\n"), problems


def _decode(raw: bytes) -> tuple[str, list[Problem]]:
    for mark, name in _BOMS:
        if raw.startswith(mark):
            try:
                return raw.decode(name), []
            except UnicodeDecodeError as error:
                raise DataError(_UNREADABLE, line=_line(raw, error)) from error
    if (wide := _wide(raw)) is not None:
        return wide, []
    try:
        return raw.decode("utf-8"), []
    except UnicodeDecodeError as error:
        return _legacy(raw, error)


def _wide(raw: bytes) -> str | None:
    """UTF-16 without its mark: in Western text every other byte is zero, so zeros crowd on one side."""
    sample = raw[:20_000]
    if not sample.count(0):
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    name = "utf-16-le" if odd > even else "utf-16-be"
    if len(raw) % 2 or min(even, odd) * 20 > max(even, odd) or max(even, odd) * 8 < len(sample):
        raise DataError(_BINARY)
    try:
        return raw.decode(name)
    except UnicodeDecodeError as error:
        raise DataError(_BINARY) from error


def _legacy(raw: bytes, error: UnicodeDecodeError) -> tuple[str, list[Problem]]:
    if _CONTROLS.search(raw[:20_000].decode("latin-1")):
        raise DataError(_BINARY) from error
    mended = raw.decode("utf-8", "replace")
    bad = mended.count("\ufffd")
    if len(_NON_ASCII.findall(mended)) - bad > bad:
        raise DataError(_UNREADABLE, line=_line(raw, error)) from error
    for name, plausible in (("gb18030", _chinese), ("cp1252", _western)):
        try:
            text = raw.decode(name)
        except UnicodeDecodeError:
            continue
        if plausible(text):
            return text, [
                Problem(
                    "The file is not in UTF-8; it was read as {encoding}. Check the preview for odd characters.",
                    {"encoding": name},
                )
            ]
    raise DataError(_UNREADABLE, line=_line(raw, error)) from error


def _chinese(text: str) -> bool:
    """Western text read as GB18030 gives rare characters; Chinese text gives those of the old GB2312."""
    found = _NON_ASCII.findall(text)
    common = "".join(found).encode("gb2312", "ignore").decode("gb2312")
    ideographs = sum("\u4e00" <= char <= "\u9fff" for char in common)
    return len(common) >= 0.8 * len(found) and ideographs >= 0.5 * len(found)


def _western(text: str) -> bool:
    found = _NON_ASCII.findall(text)
    return len(found) <= 0.25 * len(text) and sum(bool(_WESTERN.match(char)) for char in found) >= 0.95 * len(found)


def _line(raw: bytes, error: UnicodeDecodeError) -> int:
    return raw.count(b"\n", 0, error.start) + 1
