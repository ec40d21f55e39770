"""JSON from strangers, in whatever shape and state, is read as it stands, or refused with the place."""

import json
from pathlib import Path

import pytest

from playground.data.readers.table_reader import read_table
from playground.data.table import Change, build_table
from playground.errors import DataError
from tests.support.files import write_file


@pytest.mark.parametrize(
    "content",
    [
        [{"a": "1"}, {"a": "2"}],
        {"data": [{"a": "1"}, {"a": "2"}]},
        {"data": {"train": [{"a": "1"}, {"a": "2"}]}, "version": 1},
        {"a": ["1", "2"]},
    ],
)
def test_shapes_of_json(tmp_path: Path, content: object) -> None:
    """Defends the ways in which people keep rows in JSON."""
    assert read_table(write_file(tmp_path, "a.json", json.dumps(content))).rows == [{"a": "1"}, {"a": "2"}]


def test_one_conversation_is_one_row(tmp_path: Path) -> None:
    """Defends a chat from being cut into texts without their speakers."""
    chat = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert read_table(write_file(tmp_path, "a.json", json.dumps(chat))).rows == [{"messages": chat}]
    assert read_table(write_file(tmp_path, "b.json", json.dumps([chat, chat]))).rows == [{"messages": chat}] * 2


def test_json_that_is_lines(tmp_path: Path) -> None:
    """Defends JSON Lines under a .json name, and a JSON list under a .jsonl name."""
    rows = [{"a": "1"}, {"a": "2"}]
    assert read_table(write_file(tmp_path, "a.json", "\n".join(map(json.dumps, rows)))).rows == rows
    assert read_table(write_file(tmp_path, "a.jsonl", json.dumps(rows, indent=1))).rows == rows
    assert read_table(write_file(tmp_path, "b.jsonl", json.dumps(rows))).rows == rows


def test_nan_counts_as_empty(tmp_path: Path) -> None:
    """Defends prompts from the word NaN, also as 1e999."""
    table = read_table(write_file(tmp_path, "a.json", '[{"text": "a", "n": 1}, {"text": NaN, "n": 1e999}]'))
    assert table.rows[1] == {"text": None, "n": None}
    assert table.problems[0].row == 2


def test_surrogates_are_replaced_and_noted(tmp_path: Path) -> None:
    """Defends the page's event stream, which half of a Unicode pair kills; a whole pair stays."""
    table = read_table(write_file(tmp_path, "a.json", r'[{"text": "\ud83d\ude00"}, {"text": "a\ud800b\u0000"}]'))
    assert table.rows[0]["text"] == "😀"
    assert table.rows[1]["text"] == "a\ufffdb\ufffd"
    assert [problem.row for problem in table.problems] == [2]


@pytest.mark.parametrize(
    ("content", "rows", "tail"),
    [
        ('[{"a": "1"},\n{"a": "2"},\n\n{"a": ', 2, '{"a": '),
        ('[{"a": "1"}, {"a": "2"}, {"a": "thr', 2, '{"a": "thr'),
        ('{"data": {"rows": [{"a": ["x", {}]}, {"a": "1', 1, '{"a": "1'),
        ('["one", "two", "thr', 2, '"thr'),
        ('[{"a": "1 \\" ] }"}, {"b', 1, '{"b'),
    ],
)
def test_unfinished_json_keeps_its_whole_rows(tmp_path: Path, content: str, rows: int, tail: str) -> None:
    """Defends a download that broke off; what is left out is shown."""
    table = read_table(write_file(tmp_path, "a.json", content))
    (told,) = table.problems
    assert (len(table.rows), told.changes) == (rows, (Change(0, (tail,)),))
    assert "cut off" in told.text


def test_json_that_ends_between_rows(tmp_path: Path) -> None:
    """Defends against a sentence about an unfinished row where there is none."""
    (told,) = read_table(write_file(tmp_path, "a.json", '[{"a": "1"},\n{"a": "2"},\n')).problems
    assert "Every row in it is whole" in told.text


def test_a_comma_too_many(tmp_path: Path) -> None:
    """Defends lists written by hand; commas inside texts stay."""
    table = read_table(write_file(tmp_path, "a.json", '[{"a": "1,]",},\n{"a": "2"},\n]'))
    assert table.rows == [{"a": "1,]"}, {"a": "2"}]
    assert "first in line 1" in table.problems[0].text


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ('[{"a": "1"}, {"a" "2"}, {"a": "3"}]', "line 1, column 19, at row 2"),
        ('[{"a": "1"}, {"a": "2"}] and more', "at row"),
        ('[{"a": "1"}\n{"a": "2"}]', "line 2, column 1"),
        ("[\n" + '{"a": 1}\n]\nxyz', "line 4"),
    ],
)
def test_broken_json_names_the_place(tmp_path: Path, content: str, place: str) -> None:
    """Defends against "Expecting value: char 73402" with nothing to look for, and against guessing."""
    with pytest.raises(DataError, match=place):
        read_table(write_file(tmp_path, "a.json", content))


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_json_one_after_another(tmp_path: Path, name: str) -> None:
    """Defends lists pasted below each other, and objects over several lines."""
    rows = [{"a": "1"}, {"a": "2"}]
    assert read_table(write_file(tmp_path, name, json.dumps(rows, indent=1) * 2)).rows == rows * 2
    assert read_table(write_file(tmp_path, name, "\n".join(json.dumps(row, indent=1) for row in rows))).rows == rows


def test_numbered_json(tmp_path: Path) -> None:
    """Defends the two ways in which pandas writes a table."""
    rows = [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]
    columns = {"a": {"0": "1", "1": "2"}, "b": {"0": "x", "1": "y"}}
    assert read_table(write_file(tmp_path, "a.json", json.dumps(columns))).rows == rows
    assert read_table(write_file(tmp_path, "b.json", json.dumps({"0": rows[0], "1": rows[1]}))).rows == rows


def test_bad_line_of_jsonl_names_the_line(tmp_path: Path) -> None:
    """Defends against leaving out a broken example without a word; blank lines are fine."""
    with pytest.raises(DataError, match="Line 3"):
        read_table(write_file(tmp_path, "a.jsonl", '{"a": 1}\n\n{"a": }\n'))
    with pytest.raises(DataError, match=r"Line 1 .*ends too early"):
        read_table(write_file(tmp_path, "a.jsonl", '{"a": 1\n\n{"a": 2}\n'))


def test_python_dictionaries_are_read_as_data(tmp_path: Path) -> None:
    """Defends printed dictionaries, and that nothing in them is run."""
    table = read_table(write_file(tmp_path, "a.jsonl", "{'a': \"it's\", 'b': None}\n"))
    assert table.rows == [{"a": "it's", "b": None}]
    assert "Python" in table.problems[0].text
    assert table.problems[0].changes == (Change(1, ("{'a': \"it's\", 'b': None}",), ("it's",)),)
    whole = read_table(write_file(tmp_path, "c.json", "[{'a': 'x', 'b': None},\n {'a': 'y', 'b': True}]"))
    assert whole.rows == [{"a": "x", "b": None}, {"a": "y", "b": True}]
    assert "Python" in whole.problems[0].text
    with pytest.raises(DataError, match="Line 1"):
        read_table(write_file(tmp_path, "b.jsonl", "{'a': __import__('os').getcwd()}\n"))


def test_a_key_that_is_a_number_too_long_to_write() -> None:
    """In Python's notation a key may be a number; one beyond all bounds is refused with its row."""
    with pytest.raises(DataError, match="Row 1 names a column"):
        build_table([(1, {int("0xf" + "f" * 5000, 16): "x"})], "json", [])
