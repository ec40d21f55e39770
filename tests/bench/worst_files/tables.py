"""Dataset files of a wanted size, each the worst of its kind for whoever reads it."""

import io
import json
import random
from collections.abc import Callable

import openpyxl
import pyarrow
import pyarrow.parquet

from tests.security.costly_files import many_columns, many_strings

Make = Callable[[int], bytes]


def again(unit: str, before: str = "", after: str = "") -> Make:
    """The same again and again, between a beginning and an end, in so many bytes."""
    parts = [part.encode() for part in (before, unit, after)]
    return lambda size: parts[0] + parts[1] * max(1, (size - len(parts[0]) - len(parts[2])) // len(parts[1])) + parts[2]


def numbered(line: str, head: str = "") -> Make:
    """Lines that differ in their number."""

    def make(size: int) -> bytes:
        count = size // (len(line.format(n=0)) + 4)
        return (head + "".join(line.format(n=number) for number in range(count))).encode()

    return make


def in_rows(unit: str, most: int = 900_000) -> Make:
    """Texts of JSON lines that hold the same again and again, and a number."""

    def make(size: int) -> bytes:
        text = unit * (min(size // 2, most) // len(json.dumps(unit)))
        count = max(2, size // len(json.dumps(text)))
        return "".join(json.dumps({"text": f"{text}{number}"}) + "\n" for number in range(count)).encode()

    return make


def wide_rows(size: int) -> bytes:
    return (",".join(f"c{n}" for n in range(256)) + "\n").encode() + (b"," * 255 + b"\n") * (size // 256)


def workbook(size: int) -> bytes:
    """Short cells, each another, so that it is no trap by its size."""
    made = io.BytesIO()
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["question", "answer"])
    draw = random.Random(0)
    for _ in range(size // 40):
        sheet.append([f"{draw.random():.9f}", f"{draw.random():.9f}"])
    book.save(made)
    return made.getvalue()


def columns_of(text: str, rows: int) -> Make:
    """A Parquet file whose texts are kept once and named in each row; grows in rows only."""

    def make(size: int) -> bytes:
        count = rows * size // 2**20
        table = pyarrow.table({"question": [text] * count, "answer": [str(n) for n in range(count)]})
        made = io.BytesIO()
        pyarrow.parquet.write_table(table, made, compression="zstd")
        return made.getvalue()

    return make


TABLES: dict[str, tuple[str, Make]] = {
    "csv: columns": ("a.csv", lambda size: many_columns(size // 9)),
    "csv: short rows": ("a.csv", again("q,a\n", "question,answer\n")),
    "csv: different rows": ("a.csv", numbered("q{n},a{n}\n", "question,answer\n")),
    "csv: wide rows": ("a.csv", wide_rows),
    "csv: separators": ("a.csv", again(",;|\t", "question,answer\n")),
    "csv: quotes": ("a.csv", again('"', "question,answer\n")),
    "csv: escaped quotes": ("a.csv", again('"a \\"b\\" c",d\n', "question,answer\n")),
    "csv: too many cells": ("a.csv", numbered("a{n},b, c,d\n", "question,answer\n")),
    "csv: old encoding": (
        "a.csv",
        lambda size: b"question,answer\n" + "für,größer\n".encode("cp1252") * (size // 11),
    ),
    "tsv: tabs": ("a.tsv", again("\t", "question\tanswer\n")),
    "json: brackets": ("a.json", again("[")),
    "json: nested objects": ("a.json", again('{"a":')),
    "json: short values": ("a.json", again("1,", "[", "1]")),
    "json: commas too many": ("a.json", again('{"prompt":"a","completion":"b",},', "[", "]")),
    "json: remarks": ("a.json", again("/*", "[")),
    "json: quotes": ("a.json", again('\\"', '["', "\\")),
    "json: pieces": ("a.json", again('{"text":"a"}\n')),
    "json: cut off": ("a.json", again('{"prompt":"a","completion":"b"},', "[")),
    "json: a long number": ("a.json", again("1", "[", "]")),
    "json: Python's way": ("a.json", again("{'prompt': 'a', 'completion': 'b'}, ", "[", "]")),
    "jsonl: short rows": ("a.jsonl", numbered('{{"text":"a{n}"}}\n')),
    "jsonl: Python's way": ("a.jsonl", numbered("{{'prompt': 'a{n}', 'completion': 'b'}}\n")),
    "jsonl: new keys": ("a.jsonl", numbered('{{"k{n}":"a"}}\n')),
    "jsonl: turns": ("a.jsonl", in_rows("User: a\nAssistant: b\n")),
    "jsonl: [INST]": ("a.jsonl", in_rows("[INST]")),
    "jsonl: blanks": ("a.jsonl", in_rows("User: a" + " " * 999)),
    "jsonl: blank lines": ("a.jsonl", in_rows("Q: a" + "\n " * 999 + "A: b\n")),
    "jsonl: marks": ("a.jsonl", in_rows("<|im_start|>user\na<|im_end|>\n")),
    "jsonl: headings": ("a.jsonl", in_rows("### Human: a ### Assistant: b ")),
    "txt: line ends": ("a.txt", again("\n", "a", "b")),
    "txt: paragraphs": ("a.txt", numbered("ab{n}\n\n")),
    "txt: a chat": ("a.txt", numbered("12/12/20, 10:10 - Ann: a{n}\n12/12/20, 10:10 - Bob: b\n")),
    "parquet: one text by reference": ("a.parquet", columns_of("x" * 900, 60_000)),
    "xlsx: rows": ("a.xlsx", workbook),
    "xlsx: strings": ("a.xlsx", lambda size: many_strings(size // 17, size // 50)),
}
"""For each, a file's name and what makes one of about so many bytes (of a workbook and Parquet, before packing)."""
