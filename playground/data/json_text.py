"""JSON and JSON Lines from strangers: bounded, and refused with the place where it breaks."""

import ast
import json
from collections.abc import Iterator

from playground.data.table import MAX_DEPTH, MAX_FIELD_CHARS, Problem, Table, build_table
from playground.errors import DataError

_MAX_VALUES = 8_000_000
_CHATS = ("messages", "conversations", "conversation")
_TOO_DEEP = "The JSON nests too deep to be a dataset. Use a list of objects, one for each example."
_BAD_LINE = "Line {line} is not a JSON object ({reason}). Correct or remove that line."


def read_json(text: str, problems: list[Problem]) -> Table:
    """A list of objects, also one inside an object (`{"data": [...]}`), columns of equal length, or one object."""
    _check_count(text)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return read_json_lines(text, problems)
        raise _broken(text, error) from error
    except RecursionError as error:
        raise DataError(_TOO_DEEP) from error
    except ValueError as error:
        raise DataError("The JSON holds a number that is too long to read. Put it in quotes.") from error
    return build_table(enumerate(_rows(value), 1), "json", problems)


def read_json_lines(text: str, problems: list[Problem]) -> Table:
    """One object in each line; lines written as Python dictionaries are read too and noted."""
    whole = text.strip()
    if whole.startswith("[") and ("\n" not in whole or whole.split("\n", 1)[0].strip() in ("[", "[{")):
        return read_json(text, problems)
    _check_count(text)
    dictionaries: list[int] = []
    rows = ((number, _object(line, place, dictionaries)) for number, (place, line) in enumerate(_lines(text), 1))
    table = build_table(rows, "jsonl", problems)
    if dictionaries:
        table.problems.append(
            Problem(
                "Lines that are Python dictionaries, not JSON: {count} (first line {line}). They were read as such.",
                {"count": len(dictionaries), "line": dictionaries[0]},
            )
        )
    return table


def _check_count(text: str) -> None:
    """A file of nothing but brackets takes thirty times its size in memory: count before parsing."""
    if text.count("{") + text.count("[") + text.count(",") > _MAX_VALUES:
        raise DataError("The JSON holds too many values. Use a smaller part of it.")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for place, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield place, line.strip()


def _object(line: str, place: int, dictionaries: list[int]) -> dict[str, object]:
    try:
        value = json.loads(line)
    except RecursionError as error:
        raise DataError(_TOO_DEEP) from error
    except json.JSONDecodeError as error:
        value = _dictionary(line)
        if value is None:
            reason = "it ends too early" if error.pos >= len(line) else f"{error.msg} at character {error.pos + 1}"
            raise DataError(_BAD_LINE, line=place, reason=reason) from error
        dictionaries.append(place)
    except ValueError as error:
        raise DataError(_BAD_LINE, line=place, reason="it holds a number that is too long") from error
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return {"messages": value}
    if not isinstance(value, dict):
        raise DataError(_BAD_LINE, line=place, reason=f"it is {_kind(value)}")
    return value


def _dictionary(line: str) -> dict[str, object] | None:
    """A line such as `{'text': 'Hi'}`; only literals are evaluated, and only in lines of a bounded length."""
    if not line.startswith("{") or len(line) > MAX_FIELD_CHARS:
        return None
    try:
        value = ast.literal_eval(line)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None
    return value if isinstance(value, dict) and all(isinstance(key, str) for key in value) else None


def _rows(value: object, depth: int = 0) -> Iterator[dict[str, object]]:
    if isinstance(value, dict):
        yield from _unfold(value, depth)
        return
    if not isinstance(value, list):
        raise DataError("The JSON is {what}. Use a list of objects, one for each example.", what=_kind(value))
    if value and all(isinstance(item, dict) and set(item) == {"role", "content"} for item in value):
        yield {"messages": value}
        return
    for number, item in enumerate(value, 1):
        if isinstance(item, dict):
            yield item
        elif isinstance(item, str):
            yield {"text": item}
        elif isinstance(item, list) and item and all(isinstance(part, dict) for part in item):
            yield {"messages": item}
        else:
            raise DataError("Row {row} is {what} rather than an object.", row=number, what=_kind(item))


def _unfold(value: dict[str, object], depth: int) -> Iterator[dict[str, object]]:
    """Find the rows inside an object: under one key, as columns of equal length, or the object itself."""
    inner = [name for name, item in value.items() if _holds_rows(item)]
    if any(name in value for name in _CHATS):
        yield value
    elif len(inner) == 1 and depth < MAX_DEPTH:
        yield from _rows(value[inner[0]], depth + 1)
    elif len(inner) > 1:
        raise DataError(
            "The JSON holds several lists of rows ({names}). Keep one of them in the file.",
            names=", ".join(name[:60] for name in inner[:10]),
        )
    elif value and all(isinstance(item, list) for item in value.values()):
        columns = {name: item for name, item in value.items() if isinstance(item, list)}
        if len({len(column) for column in columns.values()}) > 1:
            raise DataError("The JSON holds columns of different lengths. Give every column one value for each row.")
        yield from (dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True))
    else:
        yield value


def _holds_rows(item: object) -> bool:
    if isinstance(item, dict):
        return any(_holds_rows(part) for part in item.values())
    return isinstance(item, list) and bool(item) and all(isinstance(part, dict) for part in item)


def _broken(text: str, error: json.JSONDecodeError) -> DataError:
    """Say how many rows were whole, for that is what a person can look for."""
    row = _whole_rows(text) + 1
    if not text[error.pos :].strip():
        reason = "the file ends too early, as if cut off"
    elif "trailing comma" in error.msg or text[error.pos :].lstrip()[:1] in ("]", "}"):
        reason = "a comma is left over, or a row is unfinished"
    else:
        reason = error.msg
    return DataError(
        "The JSON breaks in line {line}, column {column}, at row {row}: {reason}. Correct it there.",
        line=error.lineno,
        column=error.colno,
        row=row,
        reason=reason,
    )


def _whole_rows(text: str) -> int:
    decoder = json.JSONDecoder()
    place, count = text.find("[") + 1, 0
    while place:
        while place < len(text) and text[place] in " \t\n,":
            place += 1
        try:
            _, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            break
        count += 1
    return count


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
