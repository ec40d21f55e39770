"""Everything that the page says about a file is there in Chinese, also where one sentence stands within another."""

import ast
from functools import partial
from pathlib import Path

import pytest

from playground.data.readers.table_reader import read_table
from playground.errors import DataError
from playground.ui.i18n import CHINESE, ZH, gettext

FOLDER = Path(__file__).parents[2] / "playground" / "data"
KINDS = {"Problem", "Sentence", "Unusable", "DataError", "self._note"}
chinese = partial(gettext, CHINESE)


def sentences() -> set[str]:
    """The templates that notices, reasons and errors are made with, also those that a name stands for, and repairs'."""
    found: set[str] = set()
    for path in FOLDER.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        named: dict[str, list[ast.expr]] = {}
        for node in nodes:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                named.setdefault(node.targets[0].id, []).append(node.value)
        for node in nodes:
            if isinstance(node, ast.Call) and ast.unparse(node.func) in KINDS:
                first = node.args[0]
                for value in named.get(first.id, []) if isinstance(first, ast.Name) else [first]:
                    found |= {part.value for part in ast.walk(value) if isinstance(part, ast.Constant)}
        found |= {part.value for value in named.get("_TEMPLATES", []) for part in ast.walk(value) if is_text(part)}
    return {text for text in found if isinstance(text, str) and " " in text}


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_every_sentence_about_a_file_is_there_in_chinese() -> None:
    """Defends a Chinese reader from English among the notices."""
    found = sentences()
    assert len(found) > 70
    assert sorted(found - set(ZH)) == []


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
    sentence = chinese(told.value.template, **told.value.fields)
    words = [word for word in "".join(char if char.isascii() else " " for char in sentence).split() if word.isalpha()]
    assert set(words) <= {"JSON"}
