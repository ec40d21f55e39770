"""JSON and JSON Lines from strangers: bounded, and refused with the place where it breaks."""

import io
import json
import re
from collections.abc import Iterator
from itertools import islice

from playground.data.chat import are_turns
from playground.data.excerpts import cells, excerpt
from playground.data.readers import class_names
from playground.data.readers.json_repair import CUT_OFF, is_cut_off, python_literal, repair_json
from playground.data.readers.json_rows import kind_of, rows_of
from playground.data.table import MAX_ROWS, SHOWN, Change, Problem, Table, build_table
from playground.errors import DataError
from playground.sentence import N_, Sentence

_MAX_SIGNS = 5_000_000
_NOT_BLANK = re.compile(r"\S")
_LONG_NUMBER = N_("The JSON holds a number that is too long to read. Put it in quotes.")
_TOO_DEEP = N_("The JSON nests too deep to be a dataset. Use a list of objects, one for each example.")
_PLAIN_WORDS = {
    "Expecting value": N_("something is missing or not in double quotes"),
    "Expecting ',' delimiter": N_("a comma is missing, or a quote within a text has no backslash before it"),
    "Expecting ':' delimiter": N_("a colon is missing"),
    "Expecting property name enclosed in double quotes": N_("a name is missing or not in double quotes"),
    "Unterminated string starting at": N_("a quote opens there and never closes"),
    "Invalid \\escape": N_("Invalid \\escape"),
    "Invalid \\uXXXX escape": N_("Invalid \\uXXXX escape"),
    "Extra data": N_("Extra data"),
    "Invalid control character at": N_(
        "a text holds a line break or another sign that must be written with a backslash"
    ),
}
_BAD_LINE = N_("Line {line} is not a JSON object ({reason}). Correct or remove that line.")


def read_json(text: str, problems: list[Problem]) -> Table:
    """A list of objects, also one inside an object (`{"data": [...]}`), columns of equal length, or one object."""
    _check_count(text)
    try:
        return _as_whole(text, problems)
    except RecursionError as error:
        raise DataError(_TOO_DEEP) from error


def read_json_lines(text: str, problems: list[Problem]) -> Table:
    """One object in each line; lines written as Python dictionaries are read too and noted."""
    _check_count(text)
    try:
        return _by_line(text, problems) if _is_one_a_line(text.strip()) else _as_whole(text, problems)
    except RecursionError as error:
        raise DataError(_TOO_DEEP) from error


def _is_one_a_line(text: str) -> bool:
    """Whether every line begins anew, told from the first two."""
    first, _, rest = text.partition("\n")
    if first.startswith("["):
        return bool(rest) and not is_cut_off(first)
    return rest.lstrip().startswith("{") or not is_cut_off(first) or python_literal(first) is not None


def _as_whole(text: str, problems: list[Problem]) -> Table:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            read = _by_line if _is_one_a_line(text.strip()) else _one_after_another
            return read(text, problems)
        understood = repair_json(text)
        if understood is None:
            raise _broken(text, error) from error
        value, repaired = understood
        problems = [*problems, *repaired]
    except ValueError as error:
        raise DataError(_LONG_NUMBER) from error
    used: dict[str, None] = {}
    rows = class_names.with_names(rows_of(value), class_names.beside_rows(value), used)
    table = build_table(enumerate(rows, 1), "json", problems)
    table.problems.extend(class_names.problems(used))
    return table


def _one_after_another(text: str, problems: list[Problem]) -> Table:
    """Several lists or objects in a row, each over as many lines as it likes."""
    decoder = json.JSONDecoder()
    rows: list[dict[str, object]] = []
    place, count = 0, 0
    while place := _next_sign(text, place):
        try:
            value, place = decoder.raw_decode(text, place - 1)
        except json.JSONDecodeError as error:
            raise _broken(text, error) from error
        except ValueError as error:
            raise DataError(_LONG_NUMBER) from error
        rows.extend(rows_of(value) if isinstance(value, list) else rows_of([value]))
        if len(rows) > MAX_ROWS:
            break  # refused below
        count += 1
    sentence = Sentence("The file holds {count} pieces of JSON one after another. All were read.", count=count)
    return build_table(enumerate(rows, 1), "json", [*problems, Problem(sentence)])


def _next_sign(text: str, place: int) -> int:
    """One past the place of the next character that is not blank; 0 at the end."""
    found = _NOT_BLANK.search(text, place)
    return found.end() if found else 0


def _by_line(text: str, problems: list[Problem]) -> Table:
    lines = ((place, line.strip()) for place, line in enumerate(io.StringIO(text), 1) if line.strip())
    reader = _Lines(list(islice(lines, MAX_ROWS + 2)))  # one too many is refused, and the last may be cut off
    table = build_table(reader.rows(), "jsonl", problems)
    table.problems.extend(reader.problems())
    return table


class _Lines:
    """Reads line by line, and remembers what was odd about them. `lines` are (place in the file, text)."""

    def __init__(self, lines: list[tuple[int, str]]) -> None:
        self._lines = lines
        self._cut: tuple[Change, ...] = ()
        self._commas: list[Change] = []
        self._literals = 0
        self._shown: list[Change] = []

    def rows(self) -> Iterator[tuple[int, dict[str, object]]]:
        for number, (place, line) in enumerate(self._lines, 1):
            value = self._value(line, place, number)
            if self._cut:
                return
            if isinstance(value, str):
                yield number, {"text": value}
            elif isinstance(value, dict):
                yield number, value
            elif isinstance(value, list) and value and are_turns(value):
                yield number, {"messages": value}
            else:
                raise DataError(_BAD_LINE, line=place, reason=Sentence("it is {what}", what=kind_of(value)))

    def problems(self) -> list[Problem]:
        found = []
        if self._commas:
            sentence = Sentence(
                "Lines that end in a comma were read without it (first row {row}).", row=self._commas[0].row
            )
            found.append(Problem(sentence, changes=tuple(self._commas)))
        if self._literals:
            sentence = Sentence(
                "Lines that are Python dictionaries, not JSON: {count} (first row {row}). They were read as such.",
                count=self._literals,
                row=self._shown[0].row,
            )
            found.append(Problem(sentence, changes=tuple(self._shown)))
        return [*found, Problem(Sentence(CUT_OFF), changes=self._cut)] if self._cut else found

    def _value(self, line: str, place: int, number: int) -> object:
        try:
            return json.loads(line)
        except json.JSONDecodeError as error:
            if line.endswith("},") and error.pos == len(line) - 1:
                if len(self._commas) < SHOWN:
                    self._commas.append(Change(number, (excerpt(line),), (excerpt(line[:-1]),)))
                return json.loads(line[:-1])
            value = python_literal(line) if line.startswith("{") else None
            if isinstance(value, dict) and all(isinstance(key, str) for key in value):
                self._literals += 1
                if len(self._shown) < SHOWN:
                    self._shown.append(Change(number, (excerpt(line),), cells(value)))
                return value
            if number == len(self._lines) > 1 and is_cut_off(line):
                self._cut = (Change(number, (excerpt(line),)),)
                return None
            raise DataError(_BAD_LINE, line=place, reason=_reason(line, error)) from error
        except ValueError as error:
            raise DataError(_BAD_LINE, line=place, reason=Sentence("it holds a number that is too long")) from error


def _reason(line: str, error: json.JSONDecodeError) -> Sentence:
    if error.pos >= len(line):
        return Sentence("it ends too early")
    return Sentence("{what} at character {place}", what=_what(error), place=error.pos + 1)


def _what(error: json.JSONDecodeError) -> Sentence:
    """What is wrong, in plain words where they are known."""
    return Sentence(_PLAIN_WORDS.get(error.msg, error.msg))


def _check_count(text: str) -> None:
    """A file of nothing but brackets takes thirty times its size in memory: count before parsing."""
    if text.count("{") + text.count("[") + text.count(",") > _MAX_SIGNS:
        raise DataError("The JSON holds too many values. Use a smaller part of it.")


def _broken(text: str, error: json.JSONDecodeError) -> DataError:
    """Say how many rows were whole, for that is what a person can look for."""
    row = _whole_rows(text, error.pos) + 1
    if not text[error.pos :].strip():
        reason = Sentence("the file ends too early, as if cut off")
    elif "trailing comma" in error.msg or text[error.pos :].lstrip()[:1] in ("]", "}"):
        reason = Sentence("a comma is left over, or a row is unfinished")
    else:
        reason = _what(error)
    return DataError(
        "The JSON breaks in line {line}, column {column}, at row {row}: {reason}. Correct it there.",
        line=error.lineno,
        column=error.colno,
        row=row,
        reason=reason,
    )


def _whole_rows(text: str, end: int) -> int:
    decoder = json.JSONDecoder()
    place, count = text.find("[") + 1, 0
    while place:
        while place < len(text) and text[place] in " \t\n,":
            place += 1
        if place >= end:
            break
        try:
            _, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            break
        count += 1
    return count
