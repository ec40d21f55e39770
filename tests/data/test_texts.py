"""What the page says about a file in Chinese is Chinese throughout, also where one sentence stands within another."""

from pathlib import Path

import pytest

from playground.data.readers.table_reader import read_table
from playground.errors import DataError
from playground.i18n.catalog import CHINESE, gettext


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", '[{"a": "1"}, {"a" "2"}, {"a": "3"}]'),
        ("a.json", '[{"a": "1"}, 7]'),
        ("a.jsonl", '{"a": 1}\n{"a": }\n{"a": 2}'),
        ("a.jsonl", '{"a": 1}\n[]\n'),
        ("a.csv", 'q,a\none,1\ntwo,"2\nthree,3\nfour,4\n'),
    ],
)
def test_reasons_within_sentences_are_chinese_too(tmp_path: Path, name: str, content: str) -> None:
    """Defends a sentence from being half in English."""
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as told:
        read_table(path)
    sentence = gettext(CHINESE, told.value.sentence)
    words = [word for word in "".join(char if char.isascii() else " " for char in sentence).split() if word.isalpha()]
    assert set(words) <= {"JSON"}
