"""Rows with more or fewer cells than the header: mended where nothing can shift, left out otherwise."""

from collections.abc import Iterator, Sequence

from playground.data.excerpts import excerpt
from playground.data.table import SHOWN, Change, Problem, Row
from playground.errors import DataError
from playground.sentence import N_, Sentence

_TOLD = 5
_CELLS = 4
_ENDS = (".", "!", "?", "。", "！", "？", "…", '"')
_JOINED = N_(
    "Row {row} (line {line}) has {count} cells, but there are {width} columns; what stands behind a separator within a "
    "sentence was joined to it."
)


class Ragged:
    """Fits records to the columns, and remembers what did not fit."""

    def __init__(self, first: Sequence[str], width: int, separator: str) -> None:
        self._width = width
        self._separator = separator
        self._spaced = any(cell.startswith(" ") for cell in first)
        self._left_out = 0
        self._short = 0
        self._joined = 0
        self._first: tuple[int, int] = (0, 0)
        self.problems: list[Problem] = []

    def rows(self, names: list[str], records: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, Row]]:
        """The numbered rows; raises `DataError` at their end when most do not fit the header."""
        kept = 0
        for number, (line, cells) in enumerate(records, 1):
            if (fitting := self._usable(cells, number, line)) is not None:
                kept += 1
                yield number, dict(zip(names, self._fit(fitting, number, line), strict=True))
        self._check(kept)

    def _usable(self, cells: list[str], number: int, line: int) -> list[str] | None:
        if not any(cell.strip() for cell in cells[self._width :]):
            return cells
        if (joined := self._rejoined(cells)) is not None:
            self._joined += 1
            change = (Change(number, _shown(cells), _shown(joined)),) if self._joined <= SHOWN else ()
            self._note(_JOINED, cells, number, line, self._joined, change)
            return joined
        self._left_out += 1
        self._first = self._first if self._left_out > 1 else (number, line)
        msgid = N_(
            "Row {row} (line {line}) has {count} cells, but there are {width} columns; it is left out. "
            "Put texts that contain the separator in quotes."
        )
        change = (Change(number, _shown(cells)),) if self._left_out <= SHOWN else ()
        self._note(msgid, cells, number, line, self._left_out, change)
        return None

    def _rejoined(self, cells: list[str]) -> list[str] | None:
        """Cells that were torn apart within a sentence, where only one way to join them is left: a space follows a
        comma of a text and not one between cells, and what is closed before the last column needs no more words."""
        if self._spaced or self._width < 2:
            return None
        joined: list[str] = []
        for cell in cells:
            if joined and cell.startswith(" "):
                joined[-1] += self._separator + cell
            else:
                joined.append(cell)
        if len(joined) == self._width:
            return joined
        before, last = cells[: self._width - 1], cells[self._width - 1 :]
        closed = all(cell.rstrip().endswith(_ENDS) for cell in before)
        return [*before, self._separator.join(last)] if closed and len(joined) > self._width else None

    def _fit(self, cells: list[str], number: int, line: int) -> list[object]:
        if len(cells) < self._width:
            self._short += 1
            msgid = N_("Row {row} (line {line}) has only {count} of {width} cells; the others count as empty.")
            shown = _shown(cells)
            change = Change(number, shown, (*shown, *[""] * (self._width - len(cells))))
            self._note(msgid, cells, number, line, self._short, (change,) if self._short <= SHOWN else ())
        padded: list[object] = [*cells, *[""] * self._width]
        return padded[: self._width]

    def _check(self, kept: int) -> None:
        if self._left_out > kept:
            raise DataError(
                "Most rows have more cells than there are columns ({width}), first row {row} (line {line}). Put texts "
                "that contain the separator in quotes, or check the header.",
                width=self._width,
                row=self._first[0],
                line=self._first[1],
            )

    def _note(
        self, msgid: str, cells: list[str], number: int, line: int, so_far: int, changes: tuple[Change, ...]
    ) -> None:
        if so_far <= _TOLD:
            sentence = Sentence(msgid, row=number, line=line, count=len(cells), width=self._width)
            self.problems.append(Problem(sentence, number, changes))
        elif so_far == _TOLD + 1:
            self.problems.append(Problem(Sentence("More rows like row {row} follow.", row=number), number))


def _shown(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(excerpt, cells[:_CELLS]))
