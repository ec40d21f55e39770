"""Bytes of an uploaded file to text. Never a guess that is not written down as a problem."""

import codecs
import re

from playground.data.excerpts import excerpt
from playground.data.readers.legacy_encodings import is_chinese, likely_encodings
from playground.data.table import Change, Problem
from playground.errors import DataError
from playground.sentence import N_, Sentence

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f]")
_SAMPLE_BYTES = 200_000
_BINARY = N_("This is not a text file. Upload CSV, TSV, JSON, JSONL, TXT, Parquet or XLSX.")
_MARKED = N_("The file begins with a byte-order mark, which is no part of the text. It was left out.")
_WIDE = N_("The file is in {encoding}. It was read as such.")
_HALF = N_("The file ends in the middle of a character, as if cut off. That character is left out.")
_UNREADABLE = N_("The text cannot be read: line {line} is not in UTF-8. Save the file as UTF-8 and upload it again.")


def decode(raw: bytes) -> tuple[str, list[Problem]]:
    """Text with `\\n` line ends, and a `Problem` for all that had to be done to read it; raises `DataError`."""
    text, problems = _decode(raw)
    if len(_CONTROLS.findall(text)) > len(text) // 200:
        raise DataError(_BINARY)
    if "\r" not in text:
        return text, problems
    return text.replace("\r\n", "\n").replace("\r", "\n"), [*problems, _line_ends(text)]


def _line_ends(text: str) -> Problem:
    place = text.index("\r")
    sign, name = ("\r\n", "\\r\\n") if text.startswith("\r\n", place) else ("\r", "\\r")
    start = max(text.rfind("\n", 0, place) + 1, place - 60)
    line = text[start:place]
    sentence = Sentence(
        "The lines end in {sign}, as on Windows or an old Mac. They were read as plain line ends.", sign=name
    )
    return Problem(sentence, changes=(Change(0, (line + sign,), (line + "\n",)),))


def _decode(raw: bytes) -> tuple[str, list[Problem]]:
    for mark, name in _BOMS:
        if raw.startswith(mark):
            try:
                text = raw.decode(name)
            except UnicodeDecodeError as error:
                raise DataError(_UNREADABLE, line=_line(raw, error)) from error
            sentence = Sentence(_MARKED) if name == "utf-8-sig" else Sentence(_WIDE, encoding=name.upper())
            return text, [Problem(sentence, changes=_bytes(raw, text))]
    if (wide := _wide(raw)) is not None:
        return wide, [Problem(Sentence(_WIDE, encoding="UTF-16"), changes=_bytes(raw, wide))]
    try:
        return raw.decode("utf-8"), []
    except UnicodeDecodeError as error:
        if error.end == len(raw) and "unexpected end" in error.reason and error.start:
            text = raw[: error.start].decode("utf-8")
            change = Change(0, (_ending(text) + "\ufffd",), (_ending(text),))
            return text, [Problem(Sentence(_HALF), changes=(change,))]
        return _legacy(raw, error)


def _bytes(raw: bytes, text: str) -> tuple[Change, ...]:
    """The first bytes as they are, and the first line that they make."""
    start = " ".join(f"{byte:02X}" for byte in raw[:12])
    return (Change(0, (f"{start} …",), (excerpt(text.lstrip().split("\n", 1)[0].rstrip("\r")),)),)


def _ending(text: str) -> str:
    return text[-40:].rsplit("\n", 1)[-1]


def _wide(raw: bytes) -> str | None:
    """UTF-16 without its mark: in Western text every other byte is zero, in others at least those of line ends and
    separators, so zeros crowd on one side."""
    sample = raw[:20_000]
    zeros = sample.count(0)
    if zeros * 400 < len(sample):
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if len(raw) % 2 or min(even, odd) * 20 > max(even, odd):
        raise DataError(_BINARY)
    try:
        text = raw.decode("utf-16-le" if odd > even else "utf-16-be")
    except UnicodeDecodeError as error:
        raise DataError(_BINARY) from error
    if zeros * 8 < len(sample) and not is_chinese(text):
        raise DataError(_BINARY)
    return text


def _legacy(raw: bytes, error: UnicodeDecodeError) -> tuple[str, list[Problem]]:
    if _CONTROLS.search(raw[:20_000].decode("latin-1")):
        raise DataError(_BINARY) from error
    replaced = raw.decode("utf-8", "replace")
    bad = replaced.count("\ufffd")
    if len(replaced) - len(replaced.encode("ascii", "ignore")) - bad > bad:
        raise DataError(_UNREADABLE, line=_line(raw, error)) from error
    for name in likely_encodings(_odd_part(raw, error)):
        try:
            text = raw.decode(name)
        except UnicodeDecodeError:
            continue
        msgid = N_("The file is not in UTF-8; it was read as {encoding}. Check the preview for odd characters.")
        return text, [Problem(Sentence(msgid, encoding=name), changes=_odd_line(raw, error, name))]
    raise DataError(_UNREADABLE, line=_line(raw, error)) from error


def _odd_part(raw: bytes, error: UnicodeDecodeError) -> bytes:
    """Whole lines from the first one that is not UTF-8 on, as many as tell the encoding."""
    start = raw.rfind(b"\n", 0, error.start) + 1
    end_of_sample = start + 2 * _SAMPLE_BYTES  # of a file without line ends
    end = raw.find(b"\n", start + _SAMPLE_BYTES, end_of_sample)
    return raw[start : end if end >= 0 else end_of_sample]


def _odd_line(raw: bytes, error: UnicodeDecodeError, name: str) -> tuple[Change, ...]:
    """The first line that is not UTF-8, as it would have looked and as it was read."""
    start = raw.rfind(b"\n", 0, error.start) + 1
    end = raw.find(b"\n", error.start)
    line = raw[start : end if end >= 0 else None]
    before, after = (excerpt(line.decode(encoding, "replace").strip()) for encoding in ("utf-8", name))
    return (Change(0, (before,), (after,)),)


def _line(raw: bytes, error: UnicodeDecodeError) -> int:
    return raw.count(b"\n", 0, error.start) + 1
