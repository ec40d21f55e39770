"""Rows that stand deeper in a file are found, and what was done to find them is told."""

import csv
import json
from pathlib import Path

import pytest

from playground.data.inspection import Inspection, inspect
from playground.errors import DataError
from playground.tasks.registry import all_tasks, dataset_formats

CHAT = [{"from": "human", "value": "it's"}, {"from": "gpt", "value": "b"}]


def _inspected(folder: Path, content: object) -> Inspection:
    path = folder / "a.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return inspect(path, formats=dataset_formats())


def test_questions_within_paragraphs_within_articles(tmp_path: Path) -> None:
    """Defends SQuAD as it is published: each question with the passage that it stands under."""
    asked = [{"id": n, "question": f"q{n}", "answers": [{"text": f"a{n}", "answer_start": 1}]} for n in range(3)]
    articles = [
        {"title": "t", "paragraphs": [{"context": "c1", "qas": asked[:2]}, {"context": "c2", "qas": asked[2:]}]}
    ]
    found = _inspected(tmp_path, {"version": "1.1", "data": articles})
    assert (found.format, found.rows) == ("question_context_answer", 3)
    asked = [
        all_tasks()["answer"].prompt(question=question, context=context)
        for question, context in (("q0", "c1"), ("q1", "c1"), ("q2", "c2"))
    ]
    answers = [{"role": "assistant", "content": answer} for answer in ("a0", "a1", "a2")]
    written = [list(example.messages or ()) for example in found.examples.usable]
    assert written == [[*question, answer] for question, answer in zip(asked, answers, strict=True)]
    assert ["'paragraphs'" in problem.text for problem in found.problems] == [True, False, False]
    assert found.unused == ["title", "id", "answers.answer_start"]


def test_rows_that_are_recognised_stay(tmp_path: Path) -> None:
    """Defends lists beside the texts, such as notes on a row, from multiplying it."""
    row = {"question": "q", "answer": "a", "notes": [{"text": "x"}, {"text": "y"}]}
    found = _inspected(tmp_path, [row, row])
    assert (found.rows, found.unused, len(found.problems)) == (2, ["notes"], 1)


def test_what_no_unfolding_helps_is_told_as_it_stands(tmp_path: Path) -> None:
    """Defends the sentence about unknown columns: it lists the file's own."""
    with pytest.raises(DataError, match="The file has: foo, bar"):
        _inspected(tmp_path, [{"foo": 1, "bar": [{"baz": 1}]}])


@pytest.mark.parametrize("write", [json.dumps, str])
def test_chats_in_cells_of_a_table(tmp_path: Path, write: object) -> None:
    """Defends datasets that were saved as CSV, whose chats became JSON or Python in a cell."""
    path = tmp_path / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [["id", "conversations"], *([n, write(CHAT)] for n in range(3))]
        )  # type: ignore[operator]
    found = inspect(path, formats=dataset_formats())
    assert (found.format, len(found.examples.usable)) == ("messages", 3)
    told, unused = found.problems
    assert "Not used: id." in unused.text
    assert "'conversations'" in told.text
    assert told.changes[0].after == ("human: it's\ngpt: b",)


def test_better_and_worse_answers(tmp_path: Path) -> None:
    """Defends pairs of conversations written as texts: the better one is learnt, and that is told."""
    pair = {side: f"\n\nHuman: it's\n\nAssistant: {side}" for side in ("chosen", "rejected")}
    found = _inspected(tmp_path, [pair, pair])
    said = [message["content"] for message in found.examples.usable[0].messages or ()]
    assert (found.format, said) == ("messages", ["it's", "chosen"])
    assert ["'chosen'" in problem.text for problem in found.problems] == [True, False, True]
    assert "'rejected' is not used" in found.problems[2].text


def test_json_to_be_learnt_stays_text(tmp_path: Path) -> None:
    """Defends answers that are JSON because the model is to write JSON."""
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"p{n}", "completion": '{"a": [1]}'}) + "\n" for n in range(2)))
    found = inspect(path, formats=dataset_formats())
    assert found.problems == []
    assert (found.examples.usable[0].messages or ())[-1]["content"] == '{"a": [1]}'
