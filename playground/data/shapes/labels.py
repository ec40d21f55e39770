"""Cells that hold several labels: a list, or names between signs."""

from collections import Counter
from collections.abc import Iterable

from playground.data.mapped_table import MappedTable

_SURE, _UNSURE = (";", "|"), (",", "/")
"""Nobody writes the first inside one label; the others only part labels that stand elsewhere, too."""


def separator(table: MappedTable) -> str:
    """What stands between several labels in one cell of a table; "" where each holds one."""
    cells = {value for row in table if isinstance(value := row.value("label"), str)}
    for sign in (*_SURE, *_UNSURE):
        several = [cell for cell in cells if len(_split(cell, sign)) > 1]
        if several and (sign in _SURE or _stand_elsewhere(cells, several, sign)):
            return sign
    return ""


def labels_of(value: object, sign: str) -> list[str]:
    """The labels in a cell; `sign` is what `separator` found."""
    if isinstance(value, list):
        return _clean(map(str, value))
    return _split(value, sign) if isinstance(value, str) and sign else _clean([_text(value)])


def _stand_elsewhere(cells: set[str], several: list[str], sign: str) -> bool:
    counts = Counter(part for cell in cells for part in set(_split(cell, sign)))
    parts = [part for cell in several for part in _split(cell, sign)]
    return 2 * sum(counts[part] > 1 for part in parts) > len(parts)


def _split(text: str, sign: str) -> list[str]:
    return _clean(text.split(sign))


def _clean(labels: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, (label.strip() for label in labels))))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
