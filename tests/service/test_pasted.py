"""Defends a table that is made on the page: what is pasted becomes its rows, and its file is read as it was meant."""

from pathlib import Path

import pytest

from playground.errors import InputError
from playground.service.reading.dataset import DatasetFile
from playground.service.reading.pasted import MAX_ROWS, as_csv, read_pasted
from playground.service.reading.rows import find_rows

PAIRS = [["Who?", "Me."], ["Where, then?", "Here."]]


@pytest.mark.parametrize(
    "text",
    [
        "Who?\tMe.\nWhere, then?\tHere.",
        "Question\tAnswer\r\nWho?\tMe.\r\n\r\nWhere, then?\tHere.\r\n",
        'Who?,Me.\n"Where, then?",Here.',
        "Who?;Me.\nWhere, then?;Here.",
        "Q: Who?\nA: Me.\n\nQ: Where, then?\nA: Here.",
        "Question: Who?\nAnswer: Me.\nQuestion: Where, then?\nAnswer: Here.",
        '[{"question": "Who?", "answer": "Me."}, {"question": "Where, then?", "answer": "Here."}]',
    ],
)
def test_pairs_are_read_as_people_paste_them(text: str) -> None:
    assert read_pasted(text) == PAIRS


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("Q: Who?\nA: Me.", [["Who?", "Me."]]),
        ("Who?\tMe.", [["Who?", "Me."]]),
        ('"Two\nlines"\tOne "more"\nx\ty', [["Two\nlines", 'One "more"'], ["x", "y"]]),
        ("Hello, world.\nMore, here.", [["Hello, world.", ""], ["More, here.", ""]]),
        ("One text.\nIts end.\n\nAnother.", [["One text.\nIts end.", ""], ["Another.", ""]]),
        ("问：你是谁？\n答：鸭子。", [["你是谁？", "鸭子。"]]),
    ],
)
def test_single_rows_and_texts_are_what_they_are(text: str, rows: list[list[str]]) -> None:
    assert read_pasted(text) == rows


@pytest.mark.parametrize(
    ("text", "said"), [(" \n ", "Paste something"), ("a\tb\n" * (MAX_ROWS + 1), "at most 1,000 rows")]
)
def test_nothing_and_too_much_are_named(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_pasted(text)


HARD = [['He said "no", and;\tleft', "=1+1"], ["Two\nlines", " spaces "], ["逗号，", "label,text"], ["NA", "null"]]


@pytest.mark.parametrize(
    ("rows", "format", "taught"),
    [
        (HARD, "prompt_completion", HARD),
        ([["First text, long.", ""], ["Second; text.", ""]], "text", ["First text, long.", "Second; text."]),
    ],
)
def test_the_file_is_read_as_the_table_was_meant(
    tmp_path: Path, rows: list[list[str]], format: str, taught: list[object]
) -> None:
    path = tmp_path / "made.csv"
    path.write_bytes(as_csv([*rows, ["", " "]]))
    examples = [view.example for view in find_rows(DatasetFile(path, format=format), "")[1]]
    read = [one and (one.text or [message["content"] for message in one.messages or ()]) for one in examples]
    assert read == taught


def test_a_table_needs_two_rows() -> None:
    with pytest.raises(InputError, match="at least 2 rows"):
        as_csv([["Who?", "Me."], ["", ""]])
