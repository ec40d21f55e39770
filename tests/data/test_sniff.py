"""Files that are not what they are called, and tables whose header is not where one looks for it."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from playground.data.readers.table_reader import read_table
from playground.data.table import Table
from playground.errors import DataError

ROWS = [{"question": "Who, me?", "answer": "You."}, {"question": "Why?", "answer": "So."}]
CSV = 'question,answer\n"Who, me?",You.\nWhy?,So.\n'
LINES = "\n".join(map(json.dumps, ROWS))


def _read(folder: Path, name: str, content: str | bytes) -> Table:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path)


def _workbook(*sheets: list[list[object]]) -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"sheet {number}")
        for row in rows:
            sheet.append(row)
    book.save(file)
    return file.getvalue()


TABLE: list[list[object]] = [["question", "answer"], *([row["question"], row["answer"]] for row in ROWS)]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", json.dumps(ROWS, indent=1), "called CSV, but it holds JSON"),
        ("a.csv", LINES, "called CSV, but it holds JSONL"),
        ("a.txt", LINES, "called TXT, but it holds JSONL"),
        ("a.txt", CSV.replace('"Who, me?",', "Who, me?\t").replace(",", "\t", 1).replace("Why?,", "Why?\t"), "TSV"),
        ("a.json", CSV, "called JSON, but it holds CSV"),
        ("a.xlsx", CSV, "called XLSX, but it holds CSV"),
        (
            "a.csv",
            "sep=;\n" + CSV.replace(",answer", ";answer").replace('",', '";').replace("?,", "?;"),
            "separated by ';'",
        ),
        ("a.csv", "# made by Ann\n\n" + CSV, "Above the names of the columns stand other lines: 2"),
        ("a.csv", CSV.replace("Who, me", r"\"Who\", me"), "backslash"),
        ("a.json", "// mine\n[" + ", /* and */\n".join(map(json.dumps, ROWS)) + "]", "Remarks"),
        ("a.jsonl", LINES.replace("}", "},"), "end in a comma"),
        ("a.csv", _workbook(TABLE), ""),
        ("a.xlsx", _workbook([["A note"], ["by Ann"]], TABLE), "Only the sheet 'sheet 1' is read"),
        ("a.xlsx", _workbook([["Questions 2024"], [], *TABLE]), "Above the names of the columns stand other lines: 1"),
    ],
)
def test_is_read_as_what_it_is(tmp_path: Path, name: str, content: str | bytes, told: str) -> None:
    """Defends what programs and people really save; whatever was done to read it is told."""
    table = _read(tmp_path, name, content)
    quoted = [{**row, "question": row["question"].replace("Who", '"Who"')} for row in ROWS] if told[:1] == "b" else ROWS
    assert table.rows == quoted
    assert told in " ".join(problem.text for problem in table.problems)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b"%PDF-1.7\n1 0 obj", "is a PDF"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0" + bytes(600), "has a password"),
        ("a.csv", b"<!DOCTYPE html>\n<html>a, b</html>", "web page"),
        ("a.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "pointer"),
        ("a.json", b'[{"a": "1"}\n{"a": "2"}\n{"a": "3"}]', "at row 2"),
        ("a.csv", "q,a\n“Who,me?”,“You,yes”\n".encode(), "Most rows have more cells"),
    ],
)
def test_says_what_it_is_instead(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    """Defends a person from "the file has: <!DOCTYPE html>" and other riddles."""
    with pytest.raises(DataError, match=reason):
        _read(tmp_path, name, content)


def test_a_zip_is_to_be_unpacked(tmp_path: Path) -> None:
    """Defends against calling a zip of CSV files a damaged workbook."""
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("a.csv", CSV)
    with pytest.raises(DataError, match="Unpack it"):
        read_table(tmp_path / "a.xlsx")


def test_text_that_only_looks_like_json_stays_text(tmp_path: Path) -> None:
    """Defends texts to learn a style from."""
    table = _read(tmp_path, "a.txt", '{"Stop", he said.\n\n"Why?"')
    assert [row["text"] for row in table.rows] == ['{"Stop", he said.', '"Why?"']
    assert table.problems == []


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("I liked it.,Thank you!\nI did not.,Sorry!\n", 2),
        ("good thing,pos\nbad thing,neg\nnice thing,pos\n", 3),
        ("height,width\ntall.,wide.\n", 1),
        ("One sentence.\nAnother one.\n", 2),
    ],
)
def test_a_first_line_that_is_an_example_is_kept(tmp_path: Path, content: str, rows: int) -> None:
    """Defends the first row of a file without a header from being taken for names of columns."""
    table = _read(tmp_path, "a.csv", content)
    assert len(table.rows) == rows
    assert [problem.sentence.msgid.startswith("The first line is an example") for problem in table.problems] == (
        [] if table.columns[0] == "height" else [True]
    )


def test_pictures_beside_texts(tmp_path: Path) -> None:
    """Defends a dataset of captions from being refused for its pictures."""
    rows = [{"text": "a cat", "image": {"bytes": b"\xff\xd8"}}, {"text": "a dog", "image": {"bytes": b"\xff"}}]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet")
    assert table.rows == [{"text": "a cat"}, {"text": "a dog"}]
    assert "'image'" in table.problems[0].text


_LIMITED = """
import resource, sys
from pathlib import Path
from playground.data.inspection import inspect
from playground.errors import DataError
from playground.tasks.registry import dataset_formats

held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 600 * 2**20, resource.RLIM_INFINITY))
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
try:
    inspect(Path(sys.argv[1]), formats=dataset_formats(), repairs=None if sys.argv[2:] else ())
    print("read")
except DataError as error:
    print(error)
"""
"""Reads a file with 600 MiB beside what the modules take. The seconds of the processor are ten times what the slowest
of them needs, and a fraction of what it takes when time grows with the square of what the file holds."""


def _chat(before: int, after: int, words: str = "a") -> str:
    turns = [{"role": "user", "content": words}]
    chats = [[*turns * many, {"role": "assistant", "content": "b"}] for many in (before, 1, 1)]
    return json.dumps([{"messages": [*chat, *turns * after]} for chat in chats])


def _labels(count: int) -> str:
    return "text,label\n" + "".join(f"a,{' ' * (n % 300)}positive{' ' * (n // 300)}\n" for n in range(count))


def _texts(text: str) -> str:
    return "".join(json.dumps({"text": text}) + "\n" for _ in range(3))


COSTLY: dict[str, tuple[str, Callable[[], str | bytes], str]] = {
    "columns": ("a.csv", lambda: ",".join(f"c{i}" for i in range(200_000)) + "\n" + "1," * 200_000, "256 columns"),
    "lines": ("a.jsonl", lambda: '""\n' * 4_000_000, "more than 200,000 rows"),
    "one after another": ("a.json", lambda: '[\n"a"]\n' + '""\n' * 4_000_000, "more than 200,000 rows"),
    "rows within a row": (
        "a.json",
        lambda: json.dumps([{**{f"c{i}": 1 for i in range(200)}, "rows": [{}] * 100_000}]),
        "more than 5,000,000 values",
    ),
    "one speaker": ("a.json", lambda: _chat(100_000, 0, "a" * 100), "read"),
    "nobody answers": ("a.json", lambda: _chat(1, 200_000), "read"),
    "labels": ("a.csv", lambda: _labels(90_000), "read"),
    "long labels": ("a.csv", lambda: "text,label\n" + "".join(f"a,{n % 29:0200000}\n" for n in range(232)), "read"),
    "blank lines": ("a.txt", lambda: "a" + "\n" * 10_000_000 + "b" + "\n \t" * 3_000_000 + "\nc", "read"),
    "paragraphs": ("a.txt", lambda: "ab\n\n" * 5_000_000, "more than 200,000 rows"),
    "short lines": ("a.txt", lambda: "ab\n" * 5_000_000, "more than 200,000 rows"),
    "strings": ("a.json", lambda: '["ab"' + '"ab"' * 9_000_000 + "]", "a comma is missing"),
    "no line end": ("a.txt", lambda: ("あ" * 8_000_000).encode("cp932"), "more than 1,000,000 characters"),
    "instructions without an end": ("a.jsonl", lambda: _texts("[INST]" * 160_000), "read"),
    "blanks within a turn": ("a.jsonl", lambda: _texts(f"User: a{' ' * 900_000}\nAssistant: b"), "read"),
    "blank lines within a turn": ("a.jsonl", lambda: _texts("User: a" + "\n " * 400_000 + "\nAssistant: b"), "read"),
    "blanks between texts": ("a.txt", lambda: f"a{' ' * 900_000}b\n\nc <|endoftext|> d\n\ne", "read"),
}


@pytest.mark.parametrize("kind", COSTLY)
def test_no_file_costs_more_than_its_size_times_a_few(tmp_path: Path, kind: str) -> None:
    """Defends everybody else from one visitor's file: no small one takes the processor or the memory for itself."""
    name, content, says = COSTLY[kind]
    made = content()
    path = tmp_path / name
    path.write_bytes(made if isinstance(made, bytes) else made.encode())
    code = [sys.executable, "-c", _LIMITED, str(path), *(["mend"] if kind == "one speaker" else [])]
    done = subprocess.run(code, capture_output=True, text=True, check=False, timeout=300)
    assert says in done.stdout, (done.returncode, done.stdout[-300:], done.stderr[-300:])
