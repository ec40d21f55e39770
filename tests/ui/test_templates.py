"""Defends what templates and scripts must keep: every word is there in Chinese, and what is called by name exists."""

import re
from pathlib import Path

import pytest
from jinja2 import Environment
from jinja2.ext import extract_from_ast

from playground.ui import templates
from playground.ui.i18n import ZH
from playground.ui.templates import render

PLAYGROUND = Path(templates.__file__).parent
FILES = sorted((PLAYGROUND / "templates").glob("*.html"))


def sentences(path: Path) -> set[str]:
    found = extract_from_ast(Environment(autoescape=True).parse(path.read_text(encoding="utf-8")), babel_style=False)
    return {texts[0] for _, _, texts in found if texts}


def test_every_sentence_in_a_template_is_there_in_chinese() -> None:
    said = set().union(*map(sentences, FILES))
    assert len(said) > 40
    assert sorted(said - set(ZH)) == []


def test_nothing_is_left_out_of_escaping() -> None:
    """`|safe` would let a stranger's text through; HTML is passed on as what `render` returned."""
    assert [path.name for path in FILES if re.search(r"\|\s*safe\b|autoescape", path.read_text(encoding="utf-8"))] == []


def test_a_forgotten_value_is_an_error() -> None:
    with pytest.raises(Exception, match="'line' is undefined"):
        render("tried", str.format, warn=False, below="")


def test_every_function_that_an_event_calls_is_in_the_script() -> None:
    script = (PLAYGROUND / "static" / "page.js").read_text(encoding="utf-8")
    exported = set(re.findall(r"\w+", script[script.rindex("return {") + len("return") :])) - {"window"}
    called = {
        name
        for path in PLAYGROUND.rglob("*.py")
        for name in re.findall(r'in_browser\("(\w+)"', path.read_text(encoding="utf-8"))
    }
    assert called == exported
