"""Names of columns: where they stand, trimmed, never empty, never twice; what was done to them is told."""

from collections import Counter
from collections.abc import Iterable, Sequence

from playground.data.column_names import is_known
from playground.data.excerpts import excerpt
from playground.data.table import MAX_COLUMNS, NAMES_TRIMMED, SHOWN, Change, Problem
from playground.errors import DataError
from playground.sentence import Sentence

LOOKED_AT = 10
"""How many lines from the top a header may stand."""
_LONG = 60
_SENTENCE_ENDS = (".", "!", "?", "。", "！", "？", "…", "”", '"')


def bounded(header: Sequence[str]) -> Sequence[str]:
    """The header, before anything is asked of its cells; raises `DataError` for too many of them."""
    if len(header) > MAX_COLUMNS:
        raise DataError("The header names more than {limit} columns. Keep those to learn from.", limit=MAX_COLUMNS)
    return header


def column_names(header: Sequence[str]) -> tuple[list[str], list[Problem]]:
    """A name for each cell of a header."""
    names: dict[str, None] = {}
    copies: Counter[str] = Counter()
    problems: list[Problem] = []
    trimmed: list[Change] = []
    for place, cell in enumerate(header, 1):
        base = " ".join(cell.split())
        if base != cell:
            trimmed.append(Change(0, (excerpt(cell),), (excerpt(base),)))
        name = base = base or f"column {place}"
        while name in names:
            copies[base] += 1
            name = f"{base} ({copies[base] + 1})"
        if name != base:
            sentence = Sentence("Two columns are called '{name}'; the later is shown as '{new}'.", name=base, new=name)
            problems.append(Problem(sentence))
        names[name] = None
    trims = [Problem(Sentence(NAMES_TRIMMED), changes=tuple(trimmed[:SHOWN]))] if trimmed else []
    return list(names), [*trims, *problems]


def header_place(lines: Sequence[Sequence[str]]) -> int:
    """Which of the first lines names the columns: the first one, unless a later one has names that are known and
    only a title or remarks stand above it."""
    widest = 0
    for place, cells in enumerate(lines[:LOOKED_AT]):
        filled = sum(bool(cell.strip()) for cell in cells)
        if sum(map(is_known, cells)) >= 2:
            return place if filled > widest else 0
        widest = max(widest, filled)
    return 0


def below_titles(lines: Sequence[Sequence[str]]) -> int:
    """The first line with several cells, where only lines with one stand above it and several with as many below."""
    widths = [sum(bool(cell.strip()) for cell in cells) for cells in lines[:LOOKED_AT]]
    place = next((place for place, width in enumerate(widths) if width > 1), 0)
    below = widths[place : place + 3]
    known = any(is_known(cell) for cells in lines[:place] for cell in cells)
    return place if len(below) == 3 and set(below) == {below[0]} and not known else 0


def lines_above(lines: Sequence[Sequence[str]]) -> list[Problem]:
    """What was passed over to find the header."""
    shown = [tuple(excerpt(cell) for cell in cells if cell.strip()) for cells in lines]
    changes = tuple(Change(0, cells) for cells in shown if cells)
    sentence = Sentence(
        "Above the names of the columns stand other lines: {count}. They were left out.", count=len(lines)
    )
    return [Problem(sentence, changes=changes[:SHOWN])] if lines else []


def is_example(first: Sequence[str], below: Iterable[Sequence[str]]) -> bool:
    """Whether the first line is an example already: all sentences, or a word that its column says again below."""
    words = {cell for cell in map(str.strip, first) if cell and not _is_number(cell)}
    if not words or any(map(is_known, words)):
        return False
    below = list(below)
    numbers = [place for place, cell in enumerate(first) if _is_number(cell.strip())]
    if any(all(_is_number(cells[place]) for cells in below if len(cells) > place) for place in numbers if below):
        return True
    if all(len(word) > _LONG or word.endswith(_SENTENCE_ENDS) for word in words):
        return True
    others = [cells for cells in below if list(cells) != list(first)]
    return any(
        cell.strip() in words and any(len(cells) > place and cells[place] == cell for cells in others)
        for place, cell in enumerate(first)
    )


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).removeprefix("-").isdigit()


def nameless(first: Sequence[str]) -> tuple[list[str], list[Problem]]:
    """Names for the columns of a file that has none."""
    names = [f"column {place}" for place in range(1, len(first) + 1)]
    sentence = Sentence(
        "The first line is an example, so no column has a name. They are called {names}.", names=", ".join(names[:4])
    )
    change = Change(1, tuple(map(excerpt, first[:4])), tuple(names[:4]))
    return names, [Problem(sentence, changes=(change,))]
