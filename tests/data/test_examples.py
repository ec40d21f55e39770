"""Rows become examples, and rows that cannot are named with the reason."""

import pytest

from playground.data.column_mapping import resolve
from playground.data.examples import Example, Examples, make_examples
from playground.data.split import split
from playground.data.table import Table, build_table
from playground.errors import DataError
from playground.tasks.registry import dataset_formats


def _table(*rows: dict[str, object]) -> Table:
    return build_table(enumerate(rows, 1), "json", [])


def _made(*rows: dict[str, object], format: str = "auto") -> Examples:
    table = _table(*rows)
    return make_examples(table, resolve(table, dataset_formats(), format))


def _said(*rows: dict[str, object]) -> list[tuple[str, ...]]:
    return [tuple(message["content"] for message in example.messages or ()) for example in _made(*rows).usable]


def test_instruction_with_and_without_input() -> None:
    """Defends the Alpaca layout, whose input is often empty."""
    rows = [{"instruction": "Do", "input": "this", "output": "x"}, {"instruction": "Do", "input": "", "output": "y"}]
    assert _said(*rows) == [("Do\n\nthis", "x"), ("Do", "y")]


def test_conversations() -> None:
    """Defends OpenAI's and ShareGPT's layouts, parts of text, and a question left open at the end."""
    rows: list[dict[str, object]] = [
        {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], "system": "s"},
        {
            "conversations": [
                {"role": "user", "content": [{"type": "text", "text": "c"}]},
                {"role": "assistant", "content": "d"},
                {"role": "user", "content": "e"},
            ]
        },
    ]
    assert _said(*rows) == [("s", "a", "b"), ("c", "d")]
    assert _said(*[{"input": ["a", "b"], "output": ["c", "d"]}] * 2)[0] == ("a", "c", "b", "d")
    pairs = {"conversation": [{"human": "a", "assistant": "b"}, {"human": "c", "assistant": "d"}]}
    spoken = {"conversation": [{"speaker": "developer", "text": "s"}, *pairs["conversation"]]}
    assert _said(pairs, spoken) == [("a", "b", "c", "d"), ("s", "a", "b", "c", "d")]
    parts = {"prompt": [{"role": "user", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}]}
    assert _said(parts, parts)[0] == ("a", "b")
    assert list(_made(*rows).remarks.values()) == [[2]]
    assert list(_made(*[{"input": ["a", "b"], "output": ["c"]}] * 2).remarks.values()) == [[1, 2]]


def test_skipped_rows_say_why() -> None:
    """Defends against rows that vanish."""
    good = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    bad: list[list[dict[str, object]]] = [
        [{"role": "user", "content": "a"}],
        [{"role": "assistant", "content": "a"}],
        [{"role": "user", "content": ""}, {"role": "assistant", "content": "b"}],
        [{"role": "narrator", "content": "a"}, {"role": "assistant", "content": "b"}],
        [{"role": "user", "content": [{"type": "image_url"}]}, {"role": "assistant", "content": "b"}],
    ]
    made = _made(*[{"messages": turns} for turns in [good, *bad, good]])
    assert [example.row for example in made.usable] == [1, 7]
    assert [row for row, _ in made.skipped] == [2, 3, 4, 5, 6]
    reasons = " ".join(str(reason) for _, reason in made.skipped)
    for part in ("says nothing", "take turns", "Message 1 is empty", "'narrator'", "other than text"):
        assert part in reasons


def test_too_few() -> None:
    """Defends against training on nothing; the sentence gives the first reason."""
    with pytest.raises(DataError, match=r"Only 1 of the 2 rows .* Row 2: The column 'completion' is empty"):
        _made({"prompt": "a", "completion": "b"}, {"prompt": "a", "completion": " "})


def _texts(count: int) -> list[Example]:
    return [Example(None, f"text {i}", i) for i in range(1, count + 1)]


def test_split_is_repeatable_and_sized() -> None:
    """Defends comparisons between runs: the same seed holds out the same rows."""
    learned, held = split(_texts(50), seed=3)
    assert (len(learned), len(held)) == (40, 10)
    assert (learned, held) == split(_texts(50), seed=3)
    assert held != split(_texts(50), seed=4)[1]
    assert [len(split(_texts(n))[1]) for n in (2, 9, 10, 30, 100, 150, 400, 5000)] == [0, 0, 2, 6, 20, 20, 40, 200]
    assert sorted(e.row for e in learned + held) == list(range(1, 51))


def test_held_out_is_never_seen() -> None:
    """Defends the held-out loss from rows that also stand in the training part."""
    doubled = [Example(None, f"text {i % 20}", i) for i in range(60)]
    learned, held = split(doubled, seed=1)
    assert held
    assert not {e.text for e in learned} & {e.text for e in held}


def test_nothing_is_held_out_of_repetitions() -> None:
    """Defends the words "that it never saw": of two texts that are said ten times each none is new."""
    learned, held = split([Example(None, f"text {i % 2}", i) for i in range(20)])
    assert (len(learned), len(held)) == (20, 0)


def test_what_differs_in_no_letter_stays_on_one_side() -> None:
    """Defends "that it never saw" from the same question in other capitals and signs, and with another answer."""
    asked = [f"What is number {n // 2}{'?' * (n % 2)}" for n in range(60)]
    rows = [{"prompt": text.upper() if n % 2 else text, "completion": f"a{n}"} for n, text in enumerate(asked)]
    learned, held = split(_made(*rows).usable)
    sides = [
        {(example.messages or ())[0]["content"].strip("?").lower() for example in side} for side in (learned, held)
    ]
    assert held
    assert not sides[0] & sides[1]


def test_answers_to_one_question_can_be_held_out() -> None:
    """Defends a file that asks for the same all along from having nothing set aside."""
    learned, held = split(_made(*({"prompt": "Tell me a joke.", "completion": f"joke {n}"} for n in range(40))).usable)
    assert (len(learned), len(held)) == (32, 8)
