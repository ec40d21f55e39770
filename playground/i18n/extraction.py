"""Finds the texts that are said in the visitor's language: Babel's extraction for Python, by `babel.cfg`.

Babel's own reads tokens, so it sees neither into an f-string nor that a condition holds two texts; this one reads the
syntax tree.
"""

import ast
import tomllib
from collections.abc import Collection, Iterator, Mapping
from typing import IO

Found = tuple[int, str | None, str | tuple[str, str], list[str]]
"""As Babel takes it: line, function (that tells a context apart), text or context and text, comments."""


def extract(
    file: IO[bytes], keywords: Mapping[str, object], comment_tags: Collection[str], options: Mapping[str, str]
) -> Iterator[Found]:
    """Every text in the arguments that the option `functions` lists; a context there goes with the texts.

    `name` stands for the first argument, `name:2,title` for the second and the one of that name, and `name:1c,2` for
    the second, in the context that the first one names.
    """
    wanted = dict(_arguments(function) for function in options["functions"].split())
    for node in ast.walk(ast.parse(file.read())):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield from _of_call(node, wanted.get(name, ()))


def extract_catalog(
    file: IO[bytes], keywords: Mapping[str, object], comment_tags: Collection[str], options: Mapping[str, str]
) -> Iterator[Found]:
    """What the catalog of models says to people of each."""
    told = tomllib.loads(file.read().decode("utf-8"))
    for entry in (told["starter"], *told["models"]):
        yield 1, None, entry["good_for"], []


def _arguments(function: str) -> tuple[str, list[str]]:
    name, _, listed = function.partition(":")
    return name, listed.split(",") if listed else ["1"]


def _of_call(call: ast.Call, wanted: Collection[str]) -> Iterator[Found]:
    given = {str(place): value for place, value in enumerate(call.args, 1)}
    given |= {word.arg: word.value for word in call.keywords if word.arg}
    contexts = [text for name in wanted if name.endswith("c") for _, text in _texts(given.get(name[:-1]))]
    for name in wanted:
        for line, text in _texts(given.get(name)):
            yield (line, "pgettext", (contexts[0], text), []) if contexts else (line, None, text, [])


def _texts(value: ast.expr | None) -> Iterator[tuple[int, str]]:
    """The text that an expression is, or those that a condition in it chooses among."""
    if isinstance(value, ast.IfExp):
        yield from _texts(value.body)
        yield from _texts(value.orelse)
    elif isinstance(value, ast.BoolOp):
        for choice in value.values:
            yield from _texts(choice)
    elif isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
        yield value.lineno, value.value
