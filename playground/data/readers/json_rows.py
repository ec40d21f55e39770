"""Where the rows are in a value that was read from JSON: datasets are written in several shapes."""

from collections.abc import Iterator

from playground.data.chat import are_texts, are_turns
from playground.data.column_names import split_named
from playground.data.table import MAX_DEPTH
from playground.errors import DataError
from playground.sentence import N_, Sentence

_CHATS = ("messages", "conversations", "conversation")


def rows_of(value: object, depth: int = 0) -> Iterator[dict[str, object]]:
    """A list of objects, also one inside an object, columns of equal length, or one object; raises `DataError`."""
    if isinstance(value, dict):
        yield from _rows_within(value, depth)
        return
    if not isinstance(value, list):
        raise DataError("The JSON is {what}. Use a list of objects, one for each example.", what=kind_of(value))
    if value and all(isinstance(item, dict) and set(item) == {"role", "content"} for item in value):
        yield {"messages": value}
        return
    for number, item in enumerate(value, 1):
        if isinstance(item, dict):
            yield item
        elif isinstance(item, str):
            yield {"text": item}
        elif isinstance(item, list) and item and are_turns(item):
            yield {"messages": item}
        else:
            raise DataError("Row {row} is {what} rather than an object.", row=number, what=kind_of(item))


def _rows_within(value: dict[str, object], depth: int) -> Iterator[dict[str, object]]:
    """Find the rows inside an object: under one key, as columns of equal length, or the object itself."""
    inner, entries = [name for name, item in value.items() if _holds_rows(item)], list(value.values())
    chats = next((value[name] for name in _CHATS if name in value), None)
    if isinstance(chats, list) and chats and all(map(are_texts, chats)):
        yield from ({"messages": chat} for chat in chats)
    elif chats is not None:
        yield value
    elif _is_shown(value.get("rows")):
        yield from (item["row"] for item in value["rows"])  # type: ignore[attr-defined]
    elif len(inner) == 1 and depth < MAX_DEPTH:
        yield from rows_of(value[inner[0]], depth + 1)
    elif len(inner) > 1 and all(map(split_named, inner)):
        yield from ({"split": name, **row} for name in inner for row in rows_of(value[name], depth + 1))
    elif len(inner) > 1:
        raise DataError(
            "The JSON holds several lists of rows ({names}). Keep one of them in the file.",
            names=", ".join(name[:60] for name in inner[:10]),
        )
    elif len(value) > 1 and all(isinstance(item, dict) for item in entries):
        yield from _numbered(value)
    elif value and all(isinstance(item, list) for item in entries):
        columns = {name: item for name, item in value.items() if isinstance(item, list)}
        if len({len(column) for column in columns.values()}) > 1:
            raise DataError("The JSON holds columns of different lengths. Give every column one value for each row.")
        yield from (dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True))
    else:
        yield value


def _is_shown(rows: object) -> bool:
    """Whether these are rows as the hub's viewer tells them: {"row_idx": 0, "row": {...}}."""
    return (
        isinstance(rows, list)
        and bool(rows)
        and all(isinstance(i, dict) and isinstance(i.get("row"), dict) for i in rows)
    )


def _numbered(value: dict[str, object]) -> Iterator[dict[str, object]]:
    """What pandas writes: for each column an object of numbered cells; or for each number an object, the row."""
    entries = {name: item for name, item in value.items() if isinstance(item, dict)}
    places = list(next(iter(entries.values())))
    if places and all(place.isdigit() for place in places) and all(list(item) == places for item in entries.values()):
        yield from ({name: item[place] for name, item in entries.items()} for place in places)
    else:
        yield from entries.values()


def _holds_rows(item: object) -> bool:
    if isinstance(item, dict):
        return any(_holds_rows(part) for part in item.values())
    return isinstance(item, list) and bool(item) and all(isinstance(part, dict) for part in item)


def kind_of(value: object) -> Sentence:
    """What a value is, for people."""
    names = {
        dict: N_("an object"),
        list: N_("a list"),
        str: N_("a text"),
        bool: N_("true or false"),
        type(None): N_("null"),
    }
    return Sentence(names.get(type(value), N_("a number")))
