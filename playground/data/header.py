"""Names of columns: trimmed, never empty, never twice; what was done to them is told."""

from collections.abc import Sequence

from playground.data.showing import excerpt
from playground.data.table import MAX_COLUMNS, NAMES_TRIMMED, SHOWN, Change, Problem
from playground.errors import DataError


def column_names(header: Sequence[str]) -> tuple[list[str], list[Problem]]:
    """A name for each cell of a header; raises `DataError` for too many of them."""
    if len(header) > MAX_COLUMNS:
        raise DataError("The header names more than {limit} columns. Keep those to learn from.", limit=MAX_COLUMNS)
    names: list[str] = []
    problems: list[Problem] = []
    trimmed: list[Change] = []
    for place, cell in enumerate(header, 1):
        wanted = " ".join(cell.split())
        if wanted != cell:
            trimmed.append(Change(0, (excerpt(cell),), (excerpt(wanted),)))
        name = wanted = wanted or f"column {place}"
        copy = 2
        while name in names:
            name, copy = f"{wanted} ({copy})", copy + 1
        if name != wanted:
            told = "Two columns are called '{name}'; the later is shown as '{new}'."
            problems.append(Problem(told, {"name": wanted, "new": name}))
        names.append(name)
    return names, [Problem(NAMES_TRIMMED, changes=tuple(trimmed[:SHOWN])), *problems] if trimmed else problems
