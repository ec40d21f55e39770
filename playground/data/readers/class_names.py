"""The names of classes that a file holds beside the numbers which stand for them in its rows."""

from collections.abc import Iterable, Mapping

from playground.data.column_names import LABEL, plain
from playground.data.table import Problem, Row
from playground.sentence import N_, Sentence

_KEYS = frozenset("labelnames classnames classes labels names categories id2label label2id idtolabel int2str".split())
"""What JSON calls them, beside its rows."""
_FEATURES = ("features", "info")
_MAX_CLASSES = 10_000
TOLD = N_("The numbers in '{column}' were read as the names of classes that the file holds.")
Names = Mapping[str, Mapping[int, str]]
"""For each column its names by their numbers; "" stands for whichever column is called a label."""


def of_features(features: object) -> dict[str, dict[int, str]]:
    """The names that `datasets` keeps for columns of classes, and of lists of them."""
    if isinstance(features, list):  # as the hub's viewer tells them
        features = {item.get("name"): item.get("type") for item in features if isinstance(item, dict)}
    listed = features.items() if isinstance(features, dict) else ()
    found = ((str(column), _names(_class_label(feature))) for column, feature in listed)
    return {column: names for column, names in found if names}


def beside_rows(value: object) -> dict[str, dict[int, str]]:
    """The names that a JSON object holds beside its rows."""
    if not isinstance(value, dict):
        return {}
    found: dict[str, dict[int, str]] = {}
    for key, held in value.items():
        if key in _FEATURES and isinstance(held, (dict, list)):
            found |= of_features(held.get("features", held) if isinstance(held, dict) else held)
        elif plain(str(key)) in _KEYS and (names := _names(held)):
            found[""] = names
    return found


def with_names(rows: Iterable[Row], known: Names, used: dict[str, None]) -> Iterable[Row]:
    """The rows with names in the place of numbers; `used` takes the columns where there were some."""
    for row in rows:
        changed: Row = {}
        for column, value in row.items():
            names = known.get(column) or (known.get("") if plain(column) in LABEL else None)
            named = _named(value, names) if names else value
            if named is not value:
                changed[column] = named
                used[column] = None
        yield {**row, **changed} if changed else row


def problems(used: Iterable[str]) -> list[Problem]:
    return [Problem(Sentence(TOLD, column=column)) for column in used]


def _named(value: object, names: Mapping[int, str]) -> object:
    if isinstance(value, list):
        named = [_named(item, names) for item in value]
        return value if named == value else named
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not str(value).isdecimal():
        return value
    return names.get(int(value), value)


def _class_label(feature: object) -> object:
    """The names in a feature, which may be of a list: {"feature": ...} or [...]."""
    if isinstance(feature, list) and len(feature) == 1:
        return _class_label(feature[0])
    if not isinstance(feature, dict):
        return None
    for inner in ("feature", "class_label"):
        if inner in feature:
            return _class_label(feature[inner])
    return feature.get("names") if feature.get("_type", "ClassLabel") == "ClassLabel" else None


def _names(held: object) -> dict[int, str]:
    """By number, of a list, of {"0": "bad"} or of {"bad": 0}."""
    if isinstance(held, list) and all(isinstance(name, str) for name in held):
        return dict(enumerate(held[:_MAX_CLASSES]))
    if not isinstance(held, dict) or len(held) > _MAX_CLASSES:
        return {}
    if all(str(number).isdecimal() and isinstance(name, str) for number, name in held.items()):
        return {int(str(number)): name for number, name in held.items()}
    if all(type(number) is int and number >= 0 for number in held.values()):
        return {number: str(name) for name, number in held.items()}
    return {}
