"""One door for dataset files: what kind of file it is, whether it may come in, and its rows."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

from playground.data.readers.anki import as_delimited, is_anki
from playground.data.readers.delimited import read_delimited
from playground.data.readers.encoding import decode
from playground.data.readers.json_text import read_json, read_json_lines
from playground.data.readers.parquet import read_parquet
from playground.data.readers.sniff import ZIP, sniff_container, sniff_text
from playground.data.readers.workbook import read_workbook
from playground.data.shapes.exports import messenger_rows
from playground.data.shapes.tags import are_tagged, tagged_rows
from playground.data.table import MAX_FILE_BYTES, Problem, Table, build_table
from playground.errors import DataError
from playground.sentence import N_, Sentence

_KINDS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".txt": "txt",
    ".md": "txt",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
}
_DOCUMENT_END = "<|endoftext|>"
_BLANK_LINES = re.compile(
    r"\n(?:[ \t]*+\n)++"
)  # possessive: whatever may be given back is remembered, 115 bytes a line
SUFFIXES: tuple[str, ...] = tuple(_KINDS)
"""The file name endings that can be read, for a file picker."""


def read_table(path: Path, name: str | None = None) -> Table:
    """Read a CSV, TSV, JSON, JSONL, TXT, Parquet or XLSX file.

    `name` is the file's own name where `path` is a temporary one. Raises `DataError` for anything that cannot be
    read whole: one sentence with the place and the remedy.
    """
    label = (name or path.name)[-80:]
    raw_start, size = _look(path, label)
    kind = sniff_container(path, label, raw_start) or _kind(label)
    if kind == "parquet":
        return read_parquet(path)
    if kind == "xlsx" and raw_start.startswith(ZIP):
        return read_workbook(path)
    text, problems = decode(path.read_bytes()[:size])
    if not text.strip():
        raise DataError("The file '{name}' is empty. Add at least two examples and try again.", name=label)
    if kind == "txt" and is_anki(text):
        return read_delimited(as_delimited(text), "tsv" if "\t" in text else "csv", problems)
    found = sniff_text(text, "csv" if kind == "xlsx" else kind, label)
    try:
        return _read(text, found, [*problems, *_misnamed(kind, found)])
    except DataError:
        if kind != "txt" or found == kind:
            raise
        return _read(text, kind, problems)


def read_text(text: str) -> Table:
    """What somebody pasted, of whichever kind it is; raises `DataError`."""
    return _read(text, sniff_text(text, "txt", "TXT"), [])


def _misnamed(kind: str, found: str) -> list[Problem]:
    if found == kind or {found, kind} == {"json", "jsonl"}:
        return []
    msgid = N_("The file is called {kind}, but it holds {found}. It was read as such.")
    return [Problem(Sentence(msgid, kind=kind.upper(), found=found.upper()))]


def _read(text: str, kind: str, problems: list[Problem]) -> Table:
    if kind == "json":
        return read_json(text, problems)
    if kind == "jsonl":
        return read_json_lines(text, problems)
    if kind == "txt":
        return _read_paragraphs(text, problems)
    return read_delimited(text, kind, problems)


def _look(path: Path, label: str) -> tuple[bytes, int]:
    """The first bytes and the size, after making sure that it is a file of a size to be read."""
    try:
        if path.is_dir():
            raise DataError("'{name}' is a folder. Upload one file.", name=label)
        if not path.is_file():
            raise DataError("The file '{name}' is no longer there. Upload it again.", name=label)
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
    except (OSError, ValueError) as error:
        raise DataError("The file '{name}' cannot be opened. Upload it again.", name=label) from error
    if size > MAX_FILE_BYTES:
        raise DataError(
            "The file '{name}' has {size} MB; {limit} MB is the most. Use a part of it.",
            name=label,
            size=size // 1024**2,
            limit=MAX_FILE_BYTES // 1024**2,
        )
    if not size:
        raise DataError("The file '{name}' is empty. Add at least two examples and try again.", name=label)
    return start, size


def _kind(label: str) -> str:
    suffix = Path(label).suffix.lower()
    if suffix not in _KINDS:
        raise DataError(
            "The file '{name}' is of a kind that cannot be read. Use one of: {kinds}.",
            name=label,
            kinds=", ".join(sorted({kind.upper() for kind in _KINDS.values()})),
        )
    return _KINDS[suffix]


def _read_paragraphs(text: str, problems: list[Problem]) -> Table:
    """Blocks between blank lines, or single lines where there is no blank line between any."""
    text = text.strip("\n")
    if turns := messenger_rows(text):
        return build_table(enumerate(turns, 1), "txt", problems)
    if _DOCUMENT_END in text:  # between documents that were written for a model
        documents = (document.strip() for document in text.split(_DOCUMENT_END))
        return build_table(enumerate(({"text": text} for text in documents if text), 1), "txt", problems)
    blocks = _blocks(text) if _BLANK_LINES.search(text) else io.StringIO(text)
    if are_tagged(text):
        return build_table(enumerate(tagged_rows(_blocks(text)), 1), "txt", problems)
    rows: Iterator[dict[str, object]] = ({"text": block.strip("\n")} for block in blocks if block.strip())
    return build_table(enumerate(rows, 1), "txt", problems)


def _blocks(text: str) -> Iterator[str]:
    start = 0
    for gap in _BLANK_LINES.finditer(text):
        yield text[start : gap.start()]
        start = gap.end()
    yield text[start:]
