"""JSON that is nearly right: a comma too many, Python's way of writing, an end that is missing. Never a guess."""

import ast
import json
import re
from collections.abc import Callable

from playground.data.excerpts import as_text, excerpt
from playground.data.table import MAX_FIELD_CHARS, Change, Problem
from playground.sentence import N_, Sentence

_MAX_LITERAL_CHARS = 2 * MAX_FIELD_CHARS
"""Python's own parser takes a hundred times the text in memory."""
_SIGNS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)|[\[\]{}]', re.DOTALL)
_LEFT_OVER = re.compile(r'("[^"\\]*+(?:\\.[^"\\]*+)*+"?)|,(\s*[\]}])', re.DOTALL)
_REMARK = re.compile(r'("[^"\\]*+(?:\\.[^"\\]*+)*+"?)|//[^\n]*+|/\*.*?(?:\*/|\Z)', re.DOTALL)
CUT_OFF = N_("The file ends in the middle of a row, as if cut off. That row is left out.")
_CLOSING = {"[": "]", "{": "}"}


def repair_json(text: str) -> tuple[object, list[Problem]] | None:
    """What the text must mean, and what had to be done to read it; None when that is anyone's guess."""
    bare = _outside_strings(_REMARK, lambda _: " ", text)
    problems = [_remark(text)] if bare != text else []
    tidy = _outside_strings(_LEFT_OVER, lambda found: found[2], bare)
    problems += [_comma(bare)] if tidy != bare else []
    try:
        return json.loads(tidy), problems
    except RecursionError:
        return None
    except ValueError:
        literal = python_literal(text)
    if isinstance(literal, (list, dict)):
        return literal, [_python(text, literal)]
    return _closed(tidy, problems)


def _outside_strings(pattern: re.Pattern[str], written: Callable[[re.Match[str]], str], text: str) -> str:
    """As `pattern.sub`, but what it finds as its first group stays; of millions of strings none is copied."""
    parts: list[str] = []
    end = 0
    for found in pattern.finditer(text):
        if found.start(1) < 0:
            parts += text[end : found.start()], written(found)
            end = found.end()
    return "".join((*parts, text[end:]))


def python_literal(text: str) -> object:
    """The value of a list or dictionary that Python has printed, or None; nothing in it is run."""
    if text.lstrip()[:1] not in ("[", "{") or "'" not in text or len(text) > _MAX_LITERAL_CHARS:
        return None
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None


def is_cut_off(text: str) -> bool:
    """Whether the text ends inside a string, a list or an object."""
    open_signs, _, in_string = _nesting(text)
    return bool(open_signs) or in_string


def _closed(text: str, problems: list[Problem]) -> tuple[object, list[Problem]] | None:
    """Leave out the row in whose middle the text ends."""
    open_signs, whole, _ = _nesting(text)
    depth = next((depth for depth, sign in enumerate(open_signs) if sign == "[" and whole[depth]), None)
    if depth is None:
        return None
    end = whole[depth]
    closing = "".join(_CLOSING[sign] for sign in reversed(open_signs[: depth + 1]))
    try:
        value = json.loads(text[:end] + closing)
    except (ValueError, RecursionError):
        return None
    tail = text[end:].lstrip(", \n\t")
    if not tail:
        problem = Problem(Sentence("The file ends too early, as if cut off. Every row in it is whole."))
    else:
        problem = Problem(Sentence(CUT_OFF), changes=(Change(0, (excerpt(tail),)),))
    return value, [*problems, problem]


def _nesting(text: str) -> tuple[list[str], list[int], bool]:
    """The brackets that are open at the end, for each the place after its last whole entry; whether in a string."""
    open_signs: list[str] = []
    whole: list[int] = []
    in_string = False
    for found in _SIGNS.finditer(text):
        sign = found[0][0]
        if sign == '"':
            in_string = not found[1]
            if open_signs and open_signs[-1] == "[" and not in_string:
                whole[-1] = found.end()
        elif sign in _CLOSING:
            open_signs.append(sign)
            whole.append(0)
        elif open_signs:
            open_signs.pop()
            whole.pop()
            if whole:
                whole[-1] = found.end()
    return open_signs, whole, in_string


def _comma(text: str) -> Problem:
    found = next(found for found in _LEFT_OVER.finditer(text) if not found[1])
    line = text.count("\n", 0, found.start()) + 1
    before = excerpt(text[max(0, found.start() - 30) : found.end()].strip())
    after = excerpt((text[max(0, found.start() - 30) : found.start()] + found[2]).strip())
    sentence = Sentence("A comma too many before a closing bracket was passed over (first in line {line}).", line=line)
    return Problem(sentence, changes=(Change(0, (before,), (after,)),))


def _remark(text: str) -> Problem:
    found = next(found for found in _REMARK.finditer(text) if not found[1])
    line = text.count("\n", 0, found.start()) + 1
    sentence = Sentence("Remarks, which JSON does not know, were passed over (first in line {line}).", line=line)
    return Problem(sentence, changes=(Change(0, (excerpt(found[0]),)),))


def _python(text: str, value: object) -> Problem:
    change = Change(0, (excerpt(text.strip()),), (excerpt(as_text(value)),))
    return Problem(Sentence("The file is written as Python, not as JSON. It was read as such."), changes=(change,))
