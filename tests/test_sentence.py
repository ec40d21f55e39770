"""Defends that a sentence survives files, processes and pydantic with all that stands in it."""

import json
import pickle
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from playground.errors import DataError, InputError, PlaygroundError
from playground.sentence import Sentence

NESTED = Sentence("Row {row}: {reason}", row=3, reason=Sentence("There is {what}.", what="nothing"))


def test_english_is_what_it_is_written_in() -> None:
    assert str(NESTED) == "Row 3: There is nothing."
    assert str(Sentence("No model {x}.")) == "No model {x}."  # as earlier versions kept messages, without fields


def test_the_plain_form_is_what_older_files_hold() -> None:
    plain = {"template": "Row {row}: {reason}", "fields": {"row": 3, "reason": {"template": "Gone.", "fields": {}}}}
    read = Sentence.from_plain(json.loads(json.dumps(plain)))
    assert str(read) == "Row 3: Gone."
    assert read.to_plain() == plain
    assert str(Sentence.from_plain({"template": "Gone."})) == "Gone."


def test_what_is_no_json_becomes_text() -> None:
    assert Sentence("{path}, {share}", path=Path("a"), share=0.5).to_plain()["fields"] == {"path": "a", "share": 0.5}


@pytest.mark.parametrize("plain", [{}, {"template": "x", "fields": [1]}, {"template": "x", "fields": {"y": {}}}, "x"])
def test_what_is_no_sentence_is_refused(plain: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a sentence"):
        Sentence.from_plain(plain)


def test_models_of_pydantic_hold_sentences() -> None:
    class State(BaseModel):
        failed: Sentence | None = None

    state = State(failed=NESTED)
    assert state.model_dump() == {"failed": NESTED.to_plain()}
    assert State.model_validate_json(state.model_dump_json()) == state
    with pytest.raises(ValidationError, match="not a sentence"):
        State.model_validate({"failed": {"x": 1}})


def test_an_error_stands_in_a_sentence_by_what_it_says() -> None:
    told = InputError("It is wrong: {why}", why=DataError("Row {row} is empty.", row=2))
    assert str(told) == "It is wrong: Row 2 is empty."
    assert told.sentence.fields["why"] == Sentence("Row {row} is empty.", row=2)


@pytest.mark.parametrize("error", [DataError("Row {row}.", row=1), InputError(NESTED), PlaygroundError("{x}")])
def test_errors_cross_processes_whole(error: PlaygroundError) -> None:
    there = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own
    assert (type(there), there.sentence, str(there)) == (type(error), error.sentence, str(error))
