"""What the built-in skills learn: asked as on the tabs, the same each time, and never what they are judged by."""

from pathlib import Path

import pytest

from playground.errors import DataError
from playground.evaluation.benchmark_data import held_out_rows
from playground.skills.recipes import HELD_OUT, RECIPES, Recipe
from playground.tasks.answer import NOT_SAID
from playground.tasks.registry import all_tasks
from tests.support.benchmark_rows import make_data

BY_TASK = {recipe.task: recipe for recipe in RECIPES}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("recipe", RECIPES, ids=list(BY_TASK))
def test_rows(recipe: Recipe, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Defends a run that goes on: the same rows in the same order, some of them set aside."""
    monkeypatch.setattr("playground.skills.recipes.HELD_OUT", 5)
    learnt, held_out = recipe.split(data)
    assert recipe.split(data) == (learnt, held_out) and len(held_out) == 5 and learnt
    assert recipe.split(data, seed=1) != (learnt, held_out)
    assert all(row.messages and row.messages[-1]["role"] == "assistant" for row in learnt)
    benchmarks = [one for one in all_tasks()[recipe.task].benchmarks if (data / one.file).is_file()]
    judged = [one.inputs(row) for one in benchmarks for row in held_out_rows(data, one.file) if "zh" not in row]
    assert judged
    known = "\n".join(message["content"] for row in [*learnt, *held_out] for message in row.messages or ())
    assert not [inputs for inputs in judged if inputs.get("context", inputs.get("text", "")) in known]


def test_some_questions_have_no_answer(data: Path) -> None:
    """Defends *The passage does not say*: it is learnt, and only where the passage really does not."""
    rows = [row.messages or () for part in BY_TASK["answer"].split(data) for row in part]
    refused = [row for row in rows if row[-1]["content"] == NOT_SAID]
    assert 0 < len(refused) < len(rows) / 2
    assert all(row[-1]["content"] in row[0]["content"] for row in rows)


def test_four_directions(data: Path) -> None:
    """Defends each of them, with the language named and left to be seen."""
    asked = {
        (row.messages or ())[0]["content"].split(":")[0] for part in BY_TASK["translate"].split(data) for row in part
    }
    assert {"Translate to German", "Translate to French", "Translate to English"} < asked
    assert {"Translate from German to English", "Translate from English to French"} < asked


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Defends whoever makes the skills anew."""
    assert HELD_OUT > 0
    with pytest.raises(DataError, match="multi30k_train"):
        BY_TASK["translate"].split(tmp_path)
