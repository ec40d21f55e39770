"""Repairs are offered with rows before and after, and done only when asked for."""

import pytest

from playground.data.column_mapping import resolve
from playground.data.repair import KINDS, Repair, apply_repairs, find_repairs
from playground.data.table import Change, Table, build_table
from playground.errors import DataError
from playground.tasks.registry import dataset_formats


def _table(*rows: dict[str, object]) -> Table:
    return build_table(enumerate(rows, 1), "csv", [])


def _pairs(*answers: str) -> Table:
    return _table(*({"question": f"q{place}", "answer": answer} for place, answer in enumerate(answers)))


def _offers(table: Table) -> dict[str, Repair]:
    return {repair.kind: repair for repair in find_repairs(table, resolve(table, dataset_formats()))}


def _mended(table: Table, *kinds: str) -> Table:
    return apply_repairs(table, resolve(table, dataset_formats()), kinds)


TEXTS = _table(*({"text": text} for text in ["a", " a ", "", "b", "a", "…"]))


def test_offers_name_rows_and_show_them() -> None:
    """Defends that a person sees what would change before it does."""
    offers = _offers(TEXTS)
    assert list(offers) == ["empty_rows", "nearly_empty", "outer_spaces", "duplicates"]
    assert offers["empty_rows"].rows == (3,)
    assert offers["nearly_empty"].changes == (Change(6, ("…",)),)
    assert offers["outer_spaces"].changes == (Change(2, (" a ",), ("a",)),)
    assert offers["duplicates"].changes == (Change(2, (" a ",), twin=1), Change(5, ("a",), twin=1))
    assert offers["duplicates"].text == "Leave out repeated rows: 2 (2, 5)"


def test_only_what_was_asked_for() -> None:
    """Defends the rows that nobody asked to change; row numbers stay those of the file."""
    assert [row["text"] for row in _mended(TEXTS, "outer_spaces").rows] == ["a", "a", "", "b", "a", "…"]
    assert _mended(TEXTS) == TEXTS
    mended = _mended(TEXTS, *KINDS)
    assert ([row["text"] for row in mended.rows], mended.numbers) == (["a", "b"], [1, 4])
    assert _offers(mended) == {}


@pytest.mark.parametrize("value", ["NA", "null", "None", "007", "nan", "N/A", "0", "+", "😀", "不", "é"])
def test_what_may_be_meant_is_never_touched(value: str) -> None:
    """Defends words and signs that other programs take for nothing."""
    assert _offers(_table({"text": value}, {"text": "other"})) == {}
    assert _offers(_table({"text": "one", "label": value}, {"text": "two", "label": "-"})) == {}


def test_an_indent_is_kept() -> None:
    """Defends code and verses, whose first line may be set in."""
    texts = _table(
        *(
            {"text": text}
            for text in ("    return 1\n", "\n\tx = 2 ", " a", "  b", "  if c:\n    d", "\u3000\u3000从前", "e")
        )
    )
    assert [row["text"] for row in _mended(texts, "outer_spaces").rows] == [
        "    return 1",
        "\tx = 2",
        "a",
        "b",
        "  if c:\n    d",
        "\u3000\u3000从前",
        "e",
    ]


def test_rows_of_another_layout_are_not_called_empty() -> None:
    """Defends half of a file whose rows name their columns otherwise: they are left out with the reason, not mended
    away."""
    rows: list[dict[str, object]] = [{"prompt": "a", "completion": "b"}, {"ask": "c", "say": "d"}, {"ask": "e"}]
    assert _offers(_table(*rows)) == {}


def test_line_ends_in_cells() -> None:
    """Defends the model from learning to write carriage returns, also as Excel spells them."""
    (change, other) = _offers(_pairs("one\r\ntwo", "one_x000D_\ntwo", "plain\ntext"))["line_ends"].changes
    assert change == Change(1, ("one\r\ntwo",), ("one\ntwo",))
    assert other.after == ("one\ntwo",)


def test_labels_that_differ_in_case() -> None:
    """Defends a sorter from two names of one drawer: the commonest spelling wins, other columns stay."""
    rows: list[dict[str, object]] = [
        {"text": "GOOD", "label": label} for label in ["Praise", "praise", "Praise", "blame", "PRAISE "]
    ]
    table = _table(*rows)
    assert _offers(table)["labels"].rows == (2, 5)
    mended = _mended(table, "labels").rows
    assert [row["label"] for row in mended] == ["Praise", "Praise", "Praise", "blame", "Praise"]
    assert mended[1]["text"] == "GOOD"
    assert "labels" not in _offers(_pairs("yes", "Yes"))


def _chat(*turns: str) -> dict[str, object]:
    roles = {"u": "human", "a": "gpt", "s": "system"}
    return {"conversations": [{"from": roles[turn[0]], "value": turn[1:]} for turn in turns]}


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        (("u1", "u2", "a3"), ("u1\n\n2", "a3")),
        (("a0", "u1", "a2"), ("u1", "a2")),
        (("s!", "a0", "u1", "a2"), ("s!", "u1", "a2")),
        (("u1", "a2", "u ", "a4"), ("u1", "a2\n\n4")),
    ],
)
def test_missing_turns(broken: tuple[str, ...], whole: tuple[str, ...]) -> None:
    """Defends chats in which a turn is missing from being lost, without inventing a word."""
    table = _table(_chat(*broken), _chat("u1", "a2"))
    assert _offers(table)["turns"].rows == (1,)
    assert _mended(table, "turns").rows == [_chat(*whole), _chat("u1", "a2")]


@pytest.mark.parametrize("turns", [("u1",), ("a1",), ("u1", "a2", "u3")])
def test_chats_that_no_repair_helps(turns: tuple[str, ...]) -> None:
    """Defends against an offer that would not make the chat usable, or that is not needed."""
    assert "turns" not in _offers(_table(_chat(*turns), _chat("u1", "a2")))


def test_repeated_means_teaching_the_same() -> None:
    """Defends against numbered copies; a column that nothing is learnt from makes no difference."""
    rows: list[dict[str, object]] = [{"id": place, "question": "q", "answer": "a"} for place in range(3)]
    assert _offers(_table(*rows))["duplicates"].rows == (2, 3)


def test_unknown_repair() -> None:
    """Defends the API from a kind that does nothing."""
    with pytest.raises(DataError, match="polish"):
        _mended(TEXTS, "polish")
