"""Defends what a person changes of single rows: it is what is taught, wherever the row stands, and all else stays."""

import json
from pathlib import Path
from typing import Any

import pytest

from playground.data.inspection import Inspection, inspect_table
from playground.data.readers.table_reader import read_table
from playground.data.selection import RowChanges
from playground.errors import DataError, InputError
from playground.service.reading.dataset import DatasetFile
from playground.service.reading.rows import find_rows, view_rows
from playground.tasks.registry import dataset_formats


def chat(asked: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]


def write(folder: Path, lines: list[str], name: str = "mine.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(path: Path, left_out: list[int], edited: dict[str, Any], **how: Any) -> Inspection:
    changes = RowChanges.read(left_out, edited)
    return inspect_table(read_table(path), formats=dataset_formats(), changes=changes, **how)


def taught(found: Inspection) -> dict[int, Any]:
    return {
        row.row: row.text or [message["content"] for message in row.messages or ()] for row in found.examples.usable
    }


@pytest.fixture
def ducks(tmp_path: Path) -> Path:
    """Row 3 has no answer, row 5 repeats row 4, and every other answer ends by the same sign."""
    answers = ("Me. ###", "Here. ###", "", "Quack. ###", "Quack. ###", "Now. ###")
    asked = ("Who?", "Where?", "Why?", "What?", "What?", "When?")
    return write(tmp_path, ["question,answer", *(f"{one},{other}" for one, other in zip(asked, answers, strict=True))])


def test_what_was_written_is_taught_and_what_was_left_out_is_not(ducks: Path) -> None:
    """Also in a row that the file leaves empty; nothing is mended in it, and no row is mended otherwise for it."""
    found = read(ducks, [1], {"3": chat("Why?", "  So. "), "4": chat("What?", "Moo.")}, repairs=["all"])
    assert taught(found) == {
        2: ["Where?", "Here."],
        3: ["Why?", "  So. "],
        4: ["What?", "Moo."],
        5: ["What?", "Quack."],  # repeats no row any more
        6: ["When?", "Now."],
    }
    told = {problem.text: problem.places for problem in found.problems}
    assert told["You left out rows: 1 (first row 1). They are not taught."] == (1,)
    assert told["You changed rows: 2 (first row 3). They are taught as you wrote them."] == (3, 4)
    assert found.rows == 6


def test_a_row_that_was_left_out_is_no_twin(ducks: Path) -> None:
    """Its repetition is taught in its place."""
    found = read(ducks, [4], {}, repairs=["duplicates"])
    assert (sorted(taught(found)), found.made, found.repairs) == ([1, 2, 5, 6], ("duplicates",), [])


def test_a_mark_of_the_file_yields_to_what_was_written(tmp_path: Path) -> None:
    path = write(tmp_path, ["prompt,completion,label", "a,b,true", "c,d,false", "e,f,true"])
    assert sorted(taught(read(path, [], {}))) == [1, 3]
    assert taught(read(path, [], {"2": chat("c", "better")}))[2] == ["c", "better"]


def test_rows_that_go_on_from_an_edited_one_read_what_was_written(tmp_path: Path) -> None:
    lines = ["id,parent_id,question,answer", "1,,Who?,Me.", "2,1,Really?,Yes.", "3,,Where?,Here."]
    path = write(tmp_path, lines)
    assert taught(read(path, [], {"1": chat("Who?", "You.")}))[2] == ["Who?", "You.", "Really?", "Yes."]


def test_texts_are_written_as_texts(tmp_path: Path) -> None:
    path = write(tmp_path, ["One.", "Two.", "Three."], "mine.txt")
    assert taught(read(path, [3], {"2": "Zwei."})) == {1: "One.", 2: "Zwei."}


@pytest.mark.parametrize(
    ("left_out", "edited", "said"),
    [
        ([9], {}, "There is no row 9 in the file. It has 6."),
        ([], {"7": chat("a", "b")}, "There is no row 7"),
        ([], {"1": "a text"}, "Row 1 was changed to the wrong kind: give messages."),
        ([], {"1": chat("a", " ")}, "Row 1 as you changed it cannot be learnt. Message 2 is empty"),
        ([], {"1": chat("a", "b")[:1]}, "Row 1 as you changed it cannot be learnt. The assistant says nothing"),
    ],
)
def test_what_cannot_be_taught_is_named(ducks: Path, left_out: list[int], edited: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(ducks, left_out, edited)


@pytest.mark.parametrize(
    ("left_out", "edited", "said"),
    [
        ("3", {}, "left_out must be"),
        ([True], {}, "left_out must be"),
        ([-1], {}, "left_out must be"),
        ([], [], "edited must"),
        ([], {"one": "a"}, "edited must"),
        ([], {"1": [{"role": "robot", "content": "a"}]}, "edited must"),
        ([], {"1": [{"role": "user", "content": 3}]}, "edited must"),
        ([], {str(row): "a" for row in range(1, 600)}, "At most 500 rows"),
        ([], {"1": "a" * 2_000_001}, "more than 2,000,000 characters"),
    ],
)
def test_wrong_values_get_one_sentence(left_out: Any, edited: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        RowChanges.read(left_out, edited)


def test_changes_come_back_from_json_and_are_undone() -> None:
    """A draft keeps them so; a row that was edited and then left out is the edited one again."""
    edited = RowChanges().edit(3, tuple(chat("a", "b"))).edit(4, "text")  # type: ignore[arg-type]
    plain = json.loads(json.dumps(edited.leave_out(3).to_plain()))
    again = RowChanges.read(plain["left_out"], plain["edited"])
    assert again == edited.leave_out(3)
    assert again.undo(3) == edited
    assert edited.undo(3).undo(4) == RowChanges()


def test_rows_are_left_out_with_all_their_places(tmp_path: Path) -> None:
    """A line for each reason, which leads to every row that it is about."""
    path = write(tmp_path, ["question,answer", "a,b", ",b", "c,", ",d", "e,f"])
    told = {problem.text: problem.places for problem in read(path, [], {}).problems}
    assert told == {
        "Rows are left out: 2 (first row 2). The column 'question' is empty.": (2, 4),
        "Row 3 is left out: The column 'answer' is empty.": (3,),
    }


def test_any_row_can_be_looked_at(ducks: Path) -> None:
    """One that is taught as it is taught, any other with the reason, and as it would be where that can be told."""
    changes = RowChanges.read([6], {"2": chat("Where?", "There.")})
    seen = {view.row: view for view in view_rows(DatasetFile(ducks, repairs=None, changes=changes), (2, 3, 5, 6))}
    assert (seen[2].taught, seen[2].example and seen[2].example.messages) == (True, tuple(chat("Where?", "There.")))
    assert seen[3].cells == (("question", "Why?"), ("answer", ""))
    assert [(str(why), view.example is not None) for view in list(seen.values())[1:] for why in view.reasons] == [
        ("The column 'answer' is empty.", False),
        ("Leave out repeated rows: 1 (5)", True),
        ("You left this row out.", True),
    ]
    with pytest.raises(InputError, match="There is no row 7 in the file"):
        view_rows(DatasetFile(ducks), (7,))


def test_rows_are_found_by_their_words(ducks: Path) -> None:
    """In what was written where a row was changed, and in rows that are not taught."""
    file = DatasetFile(ducks, changes=RowChanges.read([], {"2": chat("Where?", "Quacking.")}))
    numbers, views = find_rows(file, "QUACK")
    assert (list(numbers), [view.row for view in views]) == ([2, 4, 5], [2, 4, 5])
    assert list(find_rows(file, "why")[0]) == [3]
    assert list(find_rows(file, "nobody says this")[0]) == []
