"""Defends the README's walk through the code: a file that it names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "tests/bench/README.md", "tests/tiny/README.md")


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_it_names_exists(page: str) -> None:
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    named = [link for link in re.findall(r"\]\(([^)#\s]+)\)", text) if "://" not in link]
    missing = [link for link in named if not (path.parent / link).exists()]
    missing += [name for name in re.findall(r"\bplayground/[\w/]+\.py\b", text) if not (ROOT / name).exists()]
    assert missing == []


def test_the_walk_names_the_rooms() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rooms = {path.parent.name for path in (ROOT / "playground").glob("*/__init__.py")}
    assert {room for room in rooms if room not in text} == set()
