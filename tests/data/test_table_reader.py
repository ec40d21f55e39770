"""Dataset files from strangers are read as they stand, or refused with the place and the remedy."""

import codecs
import gzip
import json
import zipfile
from pathlib import Path

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from playground.data import table as limits
from playground.data.readers.table_reader import read_table
from playground.data.table import Change
from playground.errors import DataError
from tests.support.files import write_file


@pytest.mark.parametrize("value", ["NA", "null", "None", "007", "1.50", "true", "nan", "-"])
def test_cells_stay_the_text_they_are(tmp_path: Path, value: str) -> None:
    """Defends against a reader that turns "NA" into a gap or "007" into 7."""
    table = read_table(write_file(tmp_path, "a.csv", f"text,label\nhello,{value}\nbye,x\n"))
    assert table.rows[0] == {"text": "hello", "label": value}


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separator_is_found(tmp_path: Path, separator: str) -> None:
    """Defends files from Excel in languages that separate by semicolons, with the other signs inside texts."""
    text = f'question{separator}answer\n"a, b; c"{separator}yes\nd{separator}"no, never"\n'
    table = read_table(write_file(tmp_path, "a.csv", text))
    assert table.columns == ["question", "answer"]
    assert table.rows == [{"question": "a, b; c", "answer": "yes"}, {"question": "d", "answer": "no, never"}]


def test_headers_are_stripped_and_told_apart(tmp_path: Path) -> None:
    """Defends the mapping from " text " and from a name that stands twice."""
    table = read_table(write_file(tmp_path, "a.csv", " text , text,\nx,y,z\n"))
    assert table.columns == ["text", "text (2)", "column 3"]
    assert table.problems[0].changes[0] == Change(0, (" text ",), ("text",))
    assert "'text'" in table.problems[1].text


def test_one_column_of_texts_with_commas(tmp_path: Path) -> None:
    """Defends a list of sentences under one header from being cut at its commas."""
    table = read_table(write_file(tmp_path, "a.csv", "text\nOne, two, three.\nFour, five.\n"))
    assert [row["text"] for row in table.rows] == ["One, two, three.", "Four, five."]


def test_ragged_rows_never_shift(tmp_path: Path) -> None:
    """Defends against a cell that slides into the neighbouring column without a word."""
    table = read_table(write_file(tmp_path, "a.csv", "q,a\none,1\ntwo,2,extra\nthree\nfour,4,\nfive,5\n"))
    assert [row["q"] for row in table.rows] == ["one", "three", "four", "five"]
    assert table.numbers == [1, 3, 4, 5]
    assert table.rows[1] == {"q": "three", "a": ""}
    assert [problem.row for problem in table.problems] == [2, 3]
    assert "line 3" in table.problems[0].text
    assert table.problems[0].changes == (Change(2, ("two", "2", "extra")),)
    assert table.problems[1].changes == (Change(3, ("three",), ("three", "")),)


def test_mostly_ragged_is_refused(tmp_path: Path) -> None:
    """Defends against learning from the few rows of a file whose quotes are missing."""
    with pytest.raises(DataError, match="row 1"):
        read_table(write_file(tmp_path, "a.csv", "q,a\n" + "a,b,c\n" * 5 + "a,b\n"))


def test_open_quote_names_its_line(tmp_path: Path) -> None:
    """Defends against a quote that swallows the rest of the file."""
    with pytest.raises(DataError, match="starts in line 3"):
        read_table(write_file(tmp_path, "a.csv", 'q,a\none,1\ntwo,"2\nthree,3\nfour,4\n'))


def test_line_breaks_in_cells(tmp_path: Path) -> None:
    """Defends texts of several lines, and Windows line ends."""
    table = read_table(write_file(tmp_path, "a.csv", 'q,a\r\n"one\r\ntwo",1\r\n'))
    assert table.rows == [{"q": "one\ntwo", "a": "1"}]


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", codecs.BOM_UTF8), ("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE)],
)
def test_marked_encodings(tmp_path: Path, encoding: str, mark: bytes) -> None:
    """Defends files that Excel and Notepad save, whose mark must not become part of the first header."""
    table = read_table(write_file(tmp_path, "a.csv", mark + "text,label\né中,ok\n".encode(encoding)))
    assert table.rows == [{"text": "é中", "label": "ok"}]
    (told,) = table.problems
    assert told.changes[0].before[0].startswith(mark.hex(" ").upper())
    assert told.changes[0].after == ("text,label",)


def test_utf16_without_its_mark(tmp_path: Path) -> None:
    """Defends UTF-16 from being taken for a binary file."""
    table = read_table(write_file(tmp_path, "a.csv", "text,label\nhello,ok\n".encode("utf-16-le")))
    assert table.rows == [{"text": "hello", "label": "ok"}]
    assert "UTF-16" in table.problems[0].text
    table = read_table(write_file(tmp_path, "b.csv", "问题,回答\n你好吗？,我很好。\n".encode("utf-16-be")))
    assert table.rows == [{"问题": "你好吗？", "回答": "我很好。"}]


def test_a_stray_zero_byte(tmp_path: Path) -> None:
    """Defends a file with one damaged place from being taken for a binary one."""
    table = read_table(write_file(tmp_path, "a.csv", "text,label\n" + "hello there,ok\n" * 30 + "by\0e,ok\n"))
    assert table.rows[-1]["text"] == "by\ufffde"
    assert table.problems[0].row == 31


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Le café d’été est fermé, l’étude aussi. Where are the naïve façades?"),
        ("gb18030", "今天天气很好，我们去公园散步。你觉得怎么样？"),
        ("big5", "這是一行，我們學習語言模型的時候，需要很多範例與說明。"),
        ("cp932", "日本の首都は東京です。とても大きな町です。"),
        ("cp949", "안녕하세요, 한국의 수도는 어디입니까? 서울입니다."),
        ("cp1251", "Как тебя зовут? Меня зовут Анна, очень приятно."),
        ("cp1250", "Łąka jest tuż za lasem, około pięć minut stąd."),
    ],
)
def test_old_encodings_are_read_and_noted(tmp_path: Path, encoding: str, text: str) -> None:
    """Defends against silent guessing, and against Western text read as Chinese or the reverse."""
    table = read_table(write_file(tmp_path, "a.txt", f"{text}\n\nsecond".encode(encoding)))
    assert table.rows[0]["text"] == text
    (told,) = table.problems
    assert encoding in told.text
    assert told.changes[0].after == (text,)
    assert "\ufffd" in told.changes[0].before[0]


def test_damaged_utf8_names_the_line(tmp_path: Path) -> None:
    """Defends UTF-8 with one broken byte from being read as another encoding."""
    raw = "text,label\nfür dich,ä\nschön,ö\n".encode() + b"x\xff,b\n"
    with pytest.raises(DataError, match="line 4"):
        read_table(write_file(tmp_path, "a.csv", raw))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b" \n\n", "empty"),
        ("a.csv", b"text,label\n", "no rows"),
        ("a.json", b"[]", "no rows"),
        ("a.csv", bytes(range(256)) * 40, "not a text file"),
        ("a.txt", b"\x7fELF\x02\x01\x01" + b"\x00\x17" * 500, "not a text file"),
        ("a.csv.gz", gzip.compress(b"a,b\n" * 1_000_000), "compressed"),
        ("a.csv", gzip.compress(b"a,b\n1,2\n"), "compressed"),
        ("a.pdf", b"%PDF-1.7 text", "kind"),
        ("a.parquet", b"PAR1 and then nothing", "damaged"),
        ("a.parquet", b"text", "damaged"),
        ("a.xlsx", b"PK\x03\x04 and then nothing", "damaged"),
        ("a.json", b"[" * 100_000, "nests too deep"),
        ("a.json", b'{"a":' * 100_000, "nests too deep"),
        ("a.json", b'[{"text": ' + b"[" * 50 + b"]" * 50 + b"}]", "Row 1, column 'text' nests"),
        ("a.jsonl", b'{"a": ' + b"[" * 100_000, "nests too deep"),
        ("a.json", b'[{"n": ' + b"9" * 5000 + b"}]", "too long"),
        ("a.json", b"[" + b"{}," * 5_000_000 + b"{}]", "too many values"),
        ("a.jsonl", b"{'n': 0x" + b"f" * 9000 + b"}", "Row 1, column 'n' holds a number that is too long"),
        ("a.json", b"42", "a number"),
        ("a.json", b'[{"text": "a"}, 7]', "Row 2"),
        ("a.json", b'{"cats": [{"a": 1}], "dogs": [{"a": 2}]}', "cats, dogs"),
        ("a.json", b'{"a": [1, 2], "b": [1]}', "different lengths"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    """Defends the page from tracebacks, bombs and half-read files."""
    with pytest.raises(DataError, match=reason):
        read_table(write_file(tmp_path, name, content))


def test_not_a_file(tmp_path: Path) -> None:
    """Defends against a folder or a vanished upload."""
    with pytest.raises(DataError, match="folder"):
        read_table(tmp_path)
    with pytest.raises(DataError, match="no longer there"):
        read_table(tmp_path / "gone.csv")
    with pytest.raises(DataError):
        read_table(Path("a\0b.csv"))


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Defends memory: file, rows, cells and columns are bounded, and the sentence says where."""
    many = write_file(tmp_path, "a.csv", "text\n" + "x\n" * 11)
    monkeypatch.setattr(limits, "MAX_ROWS", 10)
    with pytest.raises(DataError, match="more than 10 rows"):
        read_table(many)
    long = write_file(tmp_path, "b.json", json.dumps([{"text": "ok"}, {"text": "x" * 1_000_001}]))
    with pytest.raises(DataError, match="Row 2, column 'text'"):
        read_table(long)
    wide = write_file(tmp_path, "c.csv", ",".join(f"c{i}" for i in range(300)) + "\n1\n")
    with pytest.raises(DataError, match="columns"):
        read_table(wide)
    with (tmp_path / "d.csv").open("wb") as file:
        file.truncate(51 * 1024**2)
    with pytest.raises(DataError, match="50 MB"):
        read_table(tmp_path / "d.csv")


def test_unfinished_last_line(tmp_path: Path) -> None:
    """Defends a log that was still being written, in lines of JSON, in quotes and in the middle of a character."""
    table = read_table(write_file(tmp_path, "a.jsonl", '{"a": 1}\n{"a": 2}\n{"a": "th'))
    assert len(table.rows) == 2
    assert table.problems[0].changes == (Change(3, ('{"a": "th',)),)
    table = read_table(write_file(tmp_path, "a.csv", 'q,a\none,1\ntwo,2\nthree,"3'))
    assert len(table.rows) == 2
    assert table.problems[0].changes == (Change(0, ('three,"3',)),)
    table = read_table(write_file(tmp_path, "b.csv", "q,a\none,1\ntwo,é中".encode()[:-1]))
    assert table.rows[1] == {"q": "two", "a": "é"}
    assert "middle of a character" in table.problems[0].text


def test_other_separators_and_line_ends_are_told(tmp_path: Path) -> None:
    """Defends against silent guessing: what had to be done to read the file is shown."""
    told = read_table(write_file(tmp_path, "a.csv", "q;a\r\none;1\r\n")).problems
    assert [problem.changes[0] for problem in told] == [
        Change(0, ("q;a\r\n",), ("q;a\n",)),
        Change(0, ("q;a",), ("q", "a")),
    ]
    assert read_table(write_file(tmp_path, "a.tsv", "q\ta\none\t1\n")).problems == []


def test_text_files(tmp_path: Path) -> None:
    """Defends paragraphs as units where there are any, and lines where there are none."""
    assert [r["text"] for r in read_table(write_file(tmp_path, "a.txt", "a\nb\n\n \n\nc\n")).rows] == ["a\nb", "c"]
    assert [r["text"] for r in read_table(write_file(tmp_path, "b.txt", "a\nb\nc\n")).rows] == ["a", "b", "c"]


def test_parquet(tmp_path: Path) -> None:
    """Defends nested chats in Parquet, and refuses pictures in it."""
    rows = [{"messages": [{"role": "user", "content": "hi"}], "n": 1}, {"messages": [], "n": None}]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet", "upload.bin")
    assert (table.kind, table.rows) == ("parquet", rows)
    pyarrow.parquet.write_table(pyarrow.table({"image": [b"\xff\xd8"]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match="binary"):
        read_table(tmp_path / "b.parquet")


def test_parquet_that_unfolds(tmp_path: Path) -> None:
    """Defends memory from a small file in which one long text is repeated by reference."""
    once = pyarrow.array(["x" * 900_000])
    column = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 5000, pyarrow.int32()), once)
    pyarrow.parquet.write_table(pyarrow.table({"text": column}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 1_000_000
    with pytest.raises(DataError, match="unfolds"):
        read_table(tmp_path / "a.parquet")
    numbers = pyarrow.array([[0] * 5_000_001], type=pyarrow.list_(pyarrow.int8()))
    pyarrow.parquet.write_table(pyarrow.table({"text": numbers}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match="unfolds"):
        read_table(tmp_path / "b.parquet")


def test_workbook(tmp_path: Path) -> None:
    """Defends what people see in Excel: numbers without ".0", text as text, empty rows left out."""
    book = openpyxl.Workbook()
    for row in (["text", "label", None], ["hello", 1.0, None], [None, None, None], ["007", True, "stray"]):
        book.active.append(row)
    book.create_sheet("other")
    book.save(tmp_path / "a.xlsx")
    table = read_table(tmp_path / "a.xlsx")
    assert table.rows == [{"text": "hello", "label": "1"}, {"text": "007", "label": "True"}]
    assert table.numbers == [1, 3]
    assert "first sheet" in table.problems[0].text
    assert "no heading are left out in rows: 1" in table.problems[1].text


def test_damaged_workbook(tmp_path: Path) -> None:
    """Defends the page from whatever a library raises on broken XML inside a sound zip."""
    book = openpyxl.Workbook()
    book.active.append(["text", "label"])
    book.save(tmp_path / "a.xlsx")
    with zipfile.ZipFile(tmp_path / "a.xlsx") as sound, zipfile.ZipFile(tmp_path / "b.xlsx", "w") as broken:
        for name in sound.namelist():
            broken.writestr(name, sound.read(name).replace(b"workbookViewId", b"workbookViewIx"))
    with pytest.raises(DataError, match="damaged"):
        read_table(tmp_path / "b.xlsx")
