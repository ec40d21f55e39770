"""Damages dataset files in the ways in which files get damaged, and in the ways of people who mean harm."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random

import openpyxl
import pyarrow
import pyarrow.parquet

from playground.data.readers.table_reader import SUFFIXES

EXAMPLES = Path(__file__).parents[2] / "assets" / "examples"
File = tuple[str, bytes]
"""A file's name and what is in it."""

_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0")
_ODD = (
    b"\0",
    b"\0" * 50,
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\x1a",
    b"\x1b[31m",
    b"\xe2\x80\xae",
    b"\xef\xbf\xbe",
    b"\\x00",
)
_SIGNS = b",;\t|'\"\n\r{}[]:\\"
_ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "gb18030", "cp1252", "shift_jis", "utf-7")


def own_files() -> list[File]:
    """The shipped examples, and a small file in every format and shape that can be read."""
    pairs = [{"question": f"What is {n}, älter?", "answer": f"It is {n}, ja; 好。"} for n in range(12)]
    chats = [
        [{"role": "user", "content": pair["question"]}, {"role": "assistant", "content": pair["answer"]}]
        for pair in pairs
    ]
    shares = [[{"from": "human", "value": pair["question"]}, {"from": "gpt", "value": "b"}] for pair in pairs]
    lines = "".join(f'"{pair["question"]}","{pair["answer"]}"\n' for pair in pairs)
    made: list[File] = [
        ("pairs.csv", f"question,answer\n{lines}".encode()),
        (
            "pairs.tsv",
            "".join(
                f"{p['question']}\t{p['answer']}\n" for p in ({"question": "问题", "answer": "答案"}, *pairs)
            ).encode(),
        ),
        ("pairs.json", json.dumps(pairs, ensure_ascii=False, indent=1).encode()),
        (
            "nested.json",
            json.dumps({"data": [{"title": "t", "paragraphs": [{"context": "c", "qas": pairs}]}]}).encode(),
        ),
        ("chats.json", json.dumps([{"conversations": shared} for shared in shares]).encode()),
        ("chats.jsonl", "\n".join(json.dumps({"messages": chat}) for chat in chats).encode()),
        ("dicts.jsonl", "\n".join(str(pair) for pair in pairs).encode()),
        ("poems.txt", "".join(f"Dog {n} runs.\nIt sleeps.\n\n" for n in range(9)).encode()),
        ("pairs.parquet", _parquet(pairs)),
        ("chats.parquet", _parquet([{"messages": chat} for chat in chats])),
        ("pairs.xlsx", _workbook(pairs)),
    ]
    return made + [(path.name, path.read_bytes()) for path in sorted(EXAMPLES.iterdir())]


def damaged(file: File, seed: str) -> tuple[str, File]:
    """One to three damages to a file, the same for the same seed: their names, and the file as it is then."""
    random = Random(seed)
    names = []
    for _ in range(random.choice((1, 1, 2, 3))):
        change = random.choice(_CHANGES)
        names.append(change.__name__.strip("_"))
        file = change(random, file)
    return " + ".join(names), file


def _parquet(rows: Sequence[Mapping[str, object]]) -> bytes:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([dict(row) for row in rows]), sink)
    return sink.getvalue()


def _workbook(rows: list[dict[str, str]]) -> bytes:
    book = openpyxl.Workbook()
    for row in [list(rows[0]), *(list(row.values()) for row in rows)]:
        book.active.append(row)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def _flip_bytes(random: Random, file: File) -> File:
    name, raw = file
    changed = bytearray(raw)
    for _ in range(random.choice((1, 1, 5, 50))):
        if changed:
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return name, bytes(changed)


def _cut_off(random: Random, file: File) -> File:
    return file[0], file[1][: random.randrange(len(file[1]) + 1)]


def _cut_out(random: Random, file: File) -> File:
    start = random.randrange(len(file[1]) + 1)
    return file[0], file[1][:start] + file[1][start + random.choice((1, 10, 1000)) :]


def _repeat_part(random: Random, file: File) -> File:
    name, raw = file
    start, end = sorted(random.randrange(len(raw) + 1) for _ in range(2))
    return name, raw[:end] + raw[start:end] * random.choice((1, 2, 20 if len(raw) < 100_000 else 2)) + raw[end:]


def _repeat_whole(random: Random, file: File) -> File:
    return file[0], file[1] + random.choice((b"", b"\n")) + file[1]


def _insert(random: Random, file: File, what: bytes) -> File:
    name, raw = file
    place = random.randrange(len(raw) + 1)
    return name, raw[:place] + what + raw[place:]


def _odd_characters(random: Random, file: File) -> File:
    for _ in range(random.choice((1, 3, 30))):
        file = _insert(random, file, random.choice(_ODD))
    return file


def _byte_order_mark(random: Random, file: File) -> File:
    mark = random.choice(_BOMS)
    return (file[0], mark + file[1]) if random.random() < 0.7 else _insert(random, file, mark)


def _swap_signs(random: Random, file: File) -> File:
    one, other = random.sample(_SIGNS, 2)
    return file[0], file[1].translate(bytes.maketrans(bytes((one, other)), bytes((other, one))))


def _one_sign(random: Random, file: File) -> File:
    return _insert(random, file, bytes((random.choice(_SIGNS),)))


def _without_a_sign(random: Random, file: File) -> File:
    return file[0], file[1].replace(bytes((random.choice(_SIGNS),)), b"", random.choice((1, 3, -1)))


def _huge_number(random: Random, file: File) -> File:
    number = random.choice((b"9" * 5000, b"1e999", b"-1e-999", b"NaN", b"0x" + b"f" * 9000, b"1" * 400, b"1_0"))
    name, raw = file
    parts = raw.split(b'"', 200)
    if len(parts) > 4 and random.random() < 0.7:
        place = random.randrange(1, len(parts) - 1, 2)
        return name, b'"'.join(parts[:place]) + number + b'"'.join(parts[place + 1 :])
    return _insert(random, file, number)


def _deep_nesting(random: Random, file: File) -> File:
    opened, closed = random.choice(
        ((b"[", b"]"), (b'{"a":', b"}"), (b"(", b")"), (b"-", b""), (b"{'a':", b"}"), (b"1+", b"1"))
    )
    depth = random.choice((5, 20, 500, 50_000))
    return _insert(
        random, file, opened * depth + random.choice((b"1", b"", b'"x"')) + closed * random.choice((0, depth))
    )


def _wrapped(random: Random, file: File) -> File:
    start, end = random.choice(
        ((b"[", b"]"), (b'{"data":', b"}"), (b'{"a":{"b":', b"}}"), (b"<html>", b"</html>"), (b'"', b'"'))
    )
    return file[0], start + file[1] + end


def _other_suffix(random: Random, file: File) -> File:
    return f"{Path(file[0]).stem}{random.choice((*SUFFIXES, '.zip', '.pdf', '', '.CSV', '.json.txt'))}", file[1]


def _other_encoding(random: Random, file: File) -> File:
    name, raw = file
    text = raw.decode("utf-8", "ignore")
    return name, text.encode(random.choice(_ENCODINGS), random.choice(("replace", "ignore", "xmlcharrefreplace")))


def _line_ends(random: Random, file: File) -> File:
    return file[0], file[1].replace(
        b"\n", random.choice((b"\r\n", b"\r", b"\n\r", b"\n\n", b"\r\r\n", b"\x0b", b"\xe2\x80\xa8"))
    )


def _shuffled_lines(random: Random, file: File) -> File:
    lines = file[1].split(b"\n")
    random.shuffle(lines)
    return file[0], b"\n".join(lines)


def _long_cell(random: Random, file: File) -> File:
    return _insert(
        random,
        file,
        random.choice((b"x", b"ab ", "长".encode(), b"'", b'"')) * random.choice((10_000, 700_000, 2_000_000)),
    )


def _many_cells(random: Random, file: File) -> File:
    return _insert(
        random,
        file,
        random.choice((b",", b"\t", b'{"a":1},', b"[],", b"\n", b"a,b\n")) * random.choice((300, 50_000, 1_000_000)),
    )


def _inside_the_zip(random: Random, file: File) -> File:
    """Damage one part of a workbook, or let it unfold, with everything around it sound."""
    name, raw = file
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as sound:
            parts = {part: sound.read(part) for part in sound.namelist()}
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, OSError):
        return _flip_bytes(random, file)
    part = random.choice(sorted(parts))
    change = random.choice((_flip_bytes, _cut_off, _repeat_part, _odd_characters, _huge_number, _unfolding))
    parts[part] = change(random, (part, parts[part]))[1]
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as broken:
        for part, content in parts.items():
            broken.writestr(part, content)
    return name, sink.getvalue()


def _unfolding(random: Random, file: File) -> File:
    """XML that refers to itself, or says the same a million times."""
    name, raw = file
    if random.random() < 0.5:
        bomb = b'<!DOCTYPE x [<!ENTITY a "ha">' + b"".join(
            b'<!ENTITY %c "%s">' % (98 + level, b"&%c;" % (97 + level) * 10) for level in range(9)
        )
        return name, bomb + b"]>" + raw.replace(b"<v>", b"<v>&j;", 1)
    for element in (b"<row", b"<si>", b"<c "):
        if element in raw:
            start = raw.index(element)
            end = raw.find(b">", raw.find(b"</" + element[1:].strip(b" >"), start)) + 1
            return name, raw[:end] + raw[start:end] * random.choice((1000, 300_000)) + raw[end:]
    return name, raw


_CHANGES: tuple[Callable[[Random, File], File], ...] = (
    _flip_bytes,
    _cut_off,
    _cut_out,
    _repeat_part,
    _repeat_whole,
    _odd_characters,
    _byte_order_mark,
    _swap_signs,
    _one_sign,
    _without_a_sign,
    _huge_number,
    _deep_nesting,
    _wrapped,
    _other_suffix,
    _other_encoding,
    _line_ends,
    _shuffled_lines,
    _long_cell,
    _many_cells,
    _inside_the_zip,
)
