"""Defends that what a person corrected is kept whole, once, bounded, and for its owner alone."""

import json
from pathlib import Path
from threading import Thread

import pytest

from playground.data.column_mapping import recognize
from playground.data.examples import make_examples
from playground.data.readers.table_reader import read_table
from playground.data_dir import DataDir
from playground.errors import InputError
from playground.protocol.messages import Message
from playground.service import corrections as module
from playground.service.corrections import Corrections, Kept
from playground.tasks.registry import dataset_formats

OWNER = "a" * 32


def conversation(*texts: str) -> list[Message]:
    return [{"role": "assistant" if place % 2 else "user", "content": text} for place, text in enumerate(texts)]


@pytest.fixture
def kept(tmp_path: Path) -> Corrections:
    return Corrections(DataDir(tmp_path))


def answers(rows: Kept) -> list[str]:
    return [row.answer for row in rows]


def test_a_correction_is_the_whole_conversation_and_survives_the_app(kept: Corrections, tmp_path: Path) -> None:
    asked: list[Message] = [{"role": "system", "content": "Be brief."}, *conversation("Hi", "Hello", "Who?")]
    kept.keep(OWNER, asked, "A model.", " Me. ")
    (row,) = Corrections(DataDir(tmp_path)).list(OWNER)
    assert row.messages == (*asked, {"role": "assistant", "content": "Me."})
    assert (row.question, row.answer, row.was) == ("Who?", "Me.", "A model.")


def test_an_answer_corrected_twice_is_kept_once(kept: Corrections) -> None:
    kept.keep(OWNER, conversation("Who?"), "A model.", "Me.")
    kept.keep(OWNER, conversation("Who?"), "Me.", "You.")
    assert answers(kept.list(OWNER)) == ["You."]
    kept.keep(OWNER, conversation("Who?"), "A model.", "Us.")  # the same answer, given again in a new chat
    assert answers(kept.list(OWNER)) == ["Us."]


def test_an_earlier_answer_corrected_meanwhile_does_not_make_it_another(kept: Corrections) -> None:
    kept.keep(OWNER, conversation("Hi", "Hello", "Who?"), "A model.", "Me.")
    kept.keep(OWNER, conversation("Hi", "Ahoy", "Who?"), "Me.", "You.")
    assert answers(kept.list(OWNER)) == ["You."]
    assert kept.list(OWNER)[0].messages[1]["content"] == "Ahoy"


def test_other_questions_and_other_answers_are_kept_beside(kept: Corrections) -> None:
    kept.keep(OWNER, conversation("Who?"), "A model.", "Me.")
    kept.keep(OWNER, conversation("What?"), "A model.", "Me.")
    kept.keep(OWNER, conversation("Who?"), "A toy.", "You.")
    assert answers(kept.list(OWNER)) == ["Me.", "Me.", "You."]


def test_what_reads_as_before_is_not_kept(kept: Corrections) -> None:
    assert kept.keep(OWNER, conversation("Who?"), "A model.", "A model. ") == []
    kept.keep(OWNER, conversation("Who?"), "A model.", "Me.")
    assert kept.keep(OWNER, conversation("Who?"), "Me.", "A model.") == []


@pytest.mark.parametrize("answer", ["", " \n", "\ud800"])
def test_nothing_that_cannot_be_learned_is_kept(kept: Corrections, answer: str) -> None:
    with pytest.raises(InputError):
        kept.keep(OWNER, conversation("Who?"), "A model.", answer)
    assert kept.list(OWNER) == []


@pytest.mark.parametrize("was", ["", " \n"])
def test_an_answer_of_nothing_can_be_corrected(kept: Corrections, was: str) -> None:
    assert answers(kept.keep(OWNER, conversation("Who?"), was, "Me.")) == ["Me."]


def test_what_cannot_be_written_to_the_disk_is_refused(kept: Corrections) -> None:
    with pytest.raises(InputError, match="broken characters"):
        kept.keep(OWNER, conversation("Who?"), "half \ud800", "Me.")


def test_it_is_bounded(kept: Corrections, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CORRECTIONS", 2)
    with pytest.raises(InputError, match="too long"):
        kept.keep(OWNER, conversation("Who?"), "A model.", "x" * (module.MAX_CORRECTION_CHARS + 1))
    for question in ("a", "b"):
        kept.keep(OWNER, conversation(question), "A model.", "Me.")
    with pytest.raises(InputError, match="the most there can be"):
        kept.keep(OWNER, conversation("c"), "A model.", "Me.")
    assert answers(kept.keep(OWNER, conversation("b"), "Me.", "You.")) == ["Me.", "You."]


def test_owners_see_and_drop_their_own_only(kept: Corrections) -> None:
    (row,) = kept.keep(OWNER, conversation("Who?"), "A model.", "Me.")
    assert kept.list("b" * 32) == []
    for stranger, wanted in (("b" * 32, row.id), (OWNER, "other"), (OWNER, None), (OWNER, [row.id])):
        with pytest.raises(InputError, match="not there"):
            kept.drop(stranger, wanted)
    kept.clear("b" * 32)
    assert kept.list(OWNER) == [row]
    assert kept.drop(OWNER, row.id) == []


def test_corrections_at_the_same_time_are_all_kept(kept: Corrections) -> None:
    threads = [
        Thread(target=kept.keep, args=(OWNER, conversation(f"Question {place}"), "A model.", "Me."))
        for place in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept.list(OWNER)) == 12


def test_a_write_that_fails_leaves_what_was_there(kept: Corrections, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = kept.keep(OWNER, conversation("Who?"), "A model.", "Me.")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_json", full)
    with pytest.raises(Exception, match="No space left"):
        kept.keep(OWNER, conversation("What?"), "A model.", "Me.")
    assert kept.list(OWNER) == rows


def test_the_file_is_one_that_fine_tune_reads(kept: Corrections, tmp_path: Path) -> None:
    for question in ("Who?", "Line\nbreak\u2028?", '"你好"'):
        kept.keep(OWNER, conversation("Hi", "Hello", question), "A model.", "Me.\n\nReally.")
    path = tmp_path / "corrections.jsonl"
    path.write_text(kept.as_json_lines(OWNER), encoding="utf-8")
    table = read_table(path)
    examples = make_examples(table, recognize(table, dataset_formats()))
    read = [example.messages or () for example in examples.usable]
    assert [[(said["role"], said["content"]) for said in row] for row in read] == [
        [(said["role"], said["content"]) for said in row.messages] for row in kept.list(OWNER)
    ]
    assert [[said.get("weight", 1) for said in row] for row in read] == [[1, 0, 1, 1]] * 3
    assert all(json.loads(line).keys() == {"messages"} for line in path.read_text(encoding="utf-8").split("\n") if line)
