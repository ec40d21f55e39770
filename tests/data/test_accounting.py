"""Every column and every key of a file is learnt, read, used to choose rows, or named as not used."""

import json
from pathlib import Path

import pytest

from tests.support.mutations import own_files
from tests.support.uploads import assistant, inspected, lines, told, user

_NAMES = (
    *("note", "id", "source", "url", "topic", "category", "rating", "score", "split", "label", "weight", "persona"),
    *("history", "context", "choices", "text", "summary", "lang", "speaker", "parent_id", "image", "tools", "comment"),
)
_PAIR = {"question": "What is it?", "answer": "It is a hat."}
_GOOD: dict[str, list[dict[str, object]]] = {
    "pairs": [{**_PAIR, "question": f"What is {n}?"} for n in range(4)],
    "instructions": [{"instruction": f"Do {n} now.", "input": "", "output": "Done it."} for n in range(4)],
    "labels": [{"text": f"A text of {n} words.", "label": ("good", "bad")[n % 2]} for n in range(4)],
    "translations": [{"en": f"Hello {n}", "de": f"Hallo {n}"} for n in range(4)],
    "summaries": [{"document": f"A long text {n}.", "summary": "Short."} for n in range(4)],
    "passages": [{"question": "Who?", "context": f"Ann is {n}.", "answers": ["Ann"]} for n in range(4)],
    "texts": [{"text": f"Once upon a time {n}."} for n in range(4)],
    "chats": [{"messages": [user(f"q{n}"), assistant("a")]} for n in range(4)],
    "preferences": [{"prompt": f"q{n}", "chosen": "good", "rejected": "bad"} for n in range(4)],
    "spoken": [{"text": f"### Human: q{n}### Assistant: a"} for n in range(4)],
    "speakers": [{"author": ("Ann", "Bo")[n % 2], "message": f"t{n}"} for n in range(8)],
}


@pytest.mark.parametrize("kind", _GOOD)
@pytest.mark.parametrize("value", ["some words here", "zz", 3])
def test_a_column_more_is_used_or_named(tmp_path: Path, kind: str, value: object) -> None:
    """The mutation: whatever it is called and holds, it is accounted for, and the file is not refused for it."""
    for name in _NAMES:
        rows = _GOOD[kind]
        if name in rows[0] or (kind == "speakers" and name in ("text", "speaker")):  # the turns and who says them
            continue
        found = inspected(tmp_path, "a.jsonl", lines(*({**row, name: value} for row in rows)))
        read = {path.split(".")[0] for path in found.mapping.columns.values()}
        assert (name in read) + (name in found.unused) == 1, (name, found.mapping.columns, found.unused)
        assert (name in found.unused) <= (name in told(found)), name


def test_a_column_more_in_files_of_every_kind(tmp_path: Path) -> None:
    for name, raw in own_files():
        if name.endswith(".csv"):
            first, *others = raw.decode("utf-8-sig").splitlines()
            content = "\n".join([f"{first},zz", *(f"{line},1" for line in others)])
            assert inspected(tmp_path, name, content).unused == ["zz"], name


@pytest.mark.parametrize(
    ("content", "unused"),
    [
        ([{"messages": [{**user(f"q{n}"), "name": "Ann"}, assistant("a", model="x")]} for n in (1, 2)],
         ["messages.model", "messages.name"]),
        ([{"messages": [user(f"q{n}"), assistant("a", reasoning_content="hm")]} for n in (1, 2)],
         ["messages.reasoning_content"]),
        ([{"translation": {"en": f"Hi {n}", "fi": "Hei", "id": n}} for n in (1, 2)], ["translation.id"]),
        ([{"input": {"messages": [user(f"q{n}")], "tools": []}, "preferred_output": [assistant("a")]} for n in (1, 2)],
         ["input.tools"]),
        ([{"question": f"q{n}", "context": "a b", "answers": {"text": ["a"], "answer_start": [0]}} for n in (1, 2)],
         ["answers.answer_start"]),
    ],
)  # fmt: skip
def test_keys_that_are_not_read_are_named(tmp_path: Path, content: object, unused: list[str]) -> None:
    found = inspected(tmp_path, "a.json", json.dumps(content))
    assert found.unused == unused
    assert all(key in told(found) for key in unused)
