"""Defends that every text in the code is there in Chinese, fields and all, and no translation outlives its text."""

import io
import string
from collections.abc import Iterator

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from playground.i18n.catalog import CATALOG
from playground.i18n.extraction import extract

ROOT = CATALOG.parents[1]
ONE_LANGUAGE = "The text is to go from {language} to {language}. Choose two languages."
"""Chinese says it without the language."""


def read_catalog() -> list[Message]:
    with CATALOG.open("rb") as file:
        return [message for message in read_po(file, abort_invalid=True) if message.id]


def extracted() -> set[tuple[str, str]]:
    """Context and English of every text in the code."""
    with CATALOG.with_name("babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(ROOT, methods, options)
    return {(context or "", message) for _, _, message, _, context in found if isinstance(message, str)}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_code_and_translations_agree() -> None:
    """What is missing is said in English amid Chinese; what is left over lets nobody see what is in use."""
    code = extracted()
    assert len(code) > 700
    translated = {(message.context or "", str(message.id)) for message in read_catalog() if message.string}
    assert sorted(code - translated) == []
    assert sorted(translated - code) == []


def test_translations_keep_the_fields() -> None:
    """A `{name}` that a translation lost or invented would be a gap, or an error at the worst moment."""
    changed = {message.id for message in read_catalog() if fields(message.string) != fields(message.id)}
    assert changed == {ONE_LANGUAGE}


def found_in(source: str, functions: str) -> Iterator[object]:
    for _, _, text, _ in extract(io.BytesIO(source.encode()), {}, (), {"functions": functions}):
        yield text


@pytest.mark.parametrize(
    ("source", "functions", "texts"),
    [
        ("t('a' 'b')", "t", ["ab"]),
        ("t(name)", "t", []),
        ("t('a', 'b', x='c')", "t:2,x", ["b", "c"]),
        ("t('a' if sure else 'b' if much else name)", "t", ["a", "b"]),
        ("page.t(found or 'a')", "t", ["a"]),
        ("f'<b>{t(\"a\")}</b>'", "t", ["a"]),
        ("t('a', b=t('b', c=t('c')))", "t", ["a", "b", "c"]),
        ("pt('file', 'a')", "pt:1c,2", [("file", "a")]),
        ("t(f'{a} b')", "t", []),
    ],
)
def test_texts_are_found_where_they_stand(source: str, functions: str, texts: list[object]) -> None:
    assert list(found_in(source, functions)) == texts
