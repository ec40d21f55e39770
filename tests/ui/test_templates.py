"""Defends that nothing gets round the templates' escaping, and that what is called or filled by name exists."""

import re
from pathlib import Path

import pytest

from playground.ui import templates
from playground.ui.templates import render

PLAYGROUND = Path(templates.__file__).parent
FILES = sorted((PLAYGROUND / "templates").glob("*.html"))


def test_nothing_is_left_out_of_escaping() -> None:
    """`|safe` would let a stranger's text through; HTML is passed on as what `render` returned."""
    assert [path.name for path in FILES if re.search(r"\|\s*safe\b|autoescape", path.read_text(encoding="utf-8"))] == []


def test_a_forgotten_value_is_an_error() -> None:
    with pytest.raises(Exception, match="'line' is undefined"):
        render("tried", str.format, warn=False, below="")


def test_every_function_that_an_event_calls_is_in_the_script() -> None:
    scripts = [path.read_text(encoding="utf-8") for path in (PLAYGROUND / "static").glob("*.js")]
    exported = {
        name
        for script in scripts
        if "window.playground" in script
        for name in re.findall(r"\w+", script[script.rindex("return {") + len("return") :])
    }
    called = {
        name
        for path in PLAYGROUND.rglob("*.py")
        for name in re.findall(r'in_browser\("(\w+)"', path.read_text(encoding="utf-8"))
    }
    called |= {name for script in scripts for name in re.findall(r"window\.playground\.(\w+)\(", script)}
    assert called == exported
