"""Repairs are offered with an example and done only when asked for."""

import pytest

from playground.data.repair import DUPLICATES, EMPTY_ROWS, OUTER_SPACES, apply_repairs, find_repairs
from playground.data.table import Table, build_table
from playground.errors import DataError


def _table() -> Table:
    texts = ["a", " a ", "", "b", "a"]
    return build_table(enumerate(({"text": text} for text in texts), 1), "csv", [])


def test_offers_name_rows_and_show_one() -> None:
    """Defends that a person sees what would change before it does."""
    table = _table()
    offers = {repair.kind: repair for repair in find_repairs(table)}
    assert offers[EMPTY_ROWS].rows == (3,)
    assert offers[DUPLICATES].rows == (2, 5)
    assert (offers[OUTER_SPACES].before, offers[OUTER_SPACES].after) == ('{"text": " a "}', '{"text": "a"}')
    assert "first row 2" in offers[DUPLICATES].text
    assert table == _table()


def test_only_what_was_asked_for() -> None:
    """Defends the rows that nobody asked to change; row numbers stay those of the file."""
    assert [row["text"] for row in apply_repairs(_table(), [OUTER_SPACES]).rows] == ["a", "a", "", "b", "a"]
    mended = apply_repairs(_table(), [EMPTY_ROWS, DUPLICATES, OUTER_SPACES])
    assert ([row["text"] for row in mended.rows], mended.numbers) == (["a", "b"], [1, 4])
    assert find_repairs(mended) == []


def test_unknown_repair() -> None:
    """Defends the API from a kind that does nothing."""
    with pytest.raises(DataError, match="polish"):
        apply_repairs(_table(), ["polish"])
