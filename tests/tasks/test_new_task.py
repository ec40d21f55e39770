"""Defends that a task is one file: everything that the app does with a task follows from what the file declares."""

import asyncio
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playground import tasks
from playground.data.examples import Example
from playground.data.inspection import inspect
from playground.engine.host import LocalModelHost
from playground.errors import InputError
from playground.evaluation import forgetting
from playground.evaluation.forgetting import TaskScore, items
from playground.evaluation.held_out import compare
from playground.evaluation.verdict import TrainingCurve, verdict
from playground.metrics.bootstrap import PairedDifference
from playground.tasks.registry import all_tasks, dataset_formats
from playground.ui.finetune import columns
from playground.ui.finetune.state import Draft
from tests.support.page import build_real_page

FILE = """
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from playground.data.chat import assistant
from playground.data.formats import Column, DatasetFormat
from playground.data.mapped_table import MappedRow
from playground.metrics.corpus import EXACT_MATCH
from playground.protocol.client import SamplingClient
from playground.protocol.messages import Message
from playground.protocol.sampling import SamplingParams
from playground.tasks.base import Forgetting, Task, TaskExample
from playground.tasks.inputs import Ask, TaskInputs, Text
from playground.tasks.outputs import TextOutput


def row_to_messages(row: MappedRow) -> list[Message]:
    return [*TASK.prompt(word=row.need("word"), kind="full"), assistant(row.need("rhyme"))]


class Rhyme(Task[TextOutput]):
    name, title, action, order = "rhyme", "Rhyme", "Find a rhyme", 60
    empty = "The rhyme appears here."

    class Inputs(TaskInputs):
        word: Annotated[Text, Ask("Word", placeholder="A word…", line=True)]
        kind: Annotated[Literal["full", "half"], Ask("Kind")] = "full"

    Output = TextOutput
    examples = (TaskExample("Cat", {"word": "cat"}),)
    formats = (
        DatasetFormat(
            "rhymes",
            "words with rhymes",
            75,
            (Column("word", "The word is in", ("word",)), Column("rhyme", "The rhyme is in", ("rhyme", "reim"))),
            row_to_messages,
        ),
    )
    metrics = (EXACT_MATCH,)
    forgetting = Forgetting(
        EXACT_MATCH,
        worse="It got worse at rhyming.",
        forgot="It forgot how to rhyme.",
        at="rhyming",
        items=lambda: [{"word": "cat", "wanted": "hat"}, {"word": "moon", "wanted": "soon"}],
    )

    def messages(self, inputs: Inputs) -> list[Message]:
        return [{"role": "user", "content": f"A {inputs.kind} rhyme for {inputs.word}?"}]

    async def run(self, client: SamplingClient, inputs: Inputs) -> AsyncIterator[TextOutput]:
        token_ids = await client.encode_prompt(self.messages(inputs), text=inputs.word)
        async for output in client.generate(token_ids, SamplingParams(max_new_tokens=4, temperature=0.0)):
            yield TextOutput(output.text, finished=output.finish_reason is not None)


TASK = Rhyme()
"""


@pytest.fixture(scope="module", autouse=True)
def rhyme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The task's file in a folder that the package looks through too."""
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "rhyme.py").write_text(FILE, encoding="utf-8")
    tasks.__path__.append(str(folder))
    _forget()
    yield
    tasks.__path__.remove(str(folder))
    sys.modules.pop("playground.tasks.rhyme", None)
    shutil.rmtree(folder)
    _forget()


def _forget() -> None:
    all_tasks.cache_clear()
    dataset_formats.cache_clear()
    items.cache_clear()


def test_it_is_found_after_the_others() -> None:
    assert list(all_tasks())[-1] == "rhyme"


def test_it_has_a_tab_and_an_endpoint(tmp_path: Path) -> None:
    with build_real_page(tmp_path) as page:
        config: Any = page.get_config_file()
    drawn = {component["props"].get("elem_id"): component["props"] for component in config["components"]}
    assert {"rhyme-word", "rhyme-kind", "rhyme-go", "rhyme-stop", "rhyme-result", "rhyme-result-base"} <= set(drawn)
    assert [value for _, value in drawn["rhyme-kind"]["choices"]] == ["full", "half"]
    assert drawn["rhyme-kind"]["value"] == "full"
    (endpoint,) = [one for one in config["dependencies"] if one["api_name"] == "rhyme"]
    info: Any = page.get_api_info()
    parameters = info["named_endpoints"]["/rhyme"]["parameters"]
    told = [(one["parameter_name"], one["parameter_has_default"]) for one in parameters]
    assert told == [("word", False), ("kind", True), ("adapter", True), ("strength", True)]
    assert endpoint["targets"] is not None


def test_files_with_its_columns_become_its_prompts(tmp_path: Path) -> None:
    path = tmp_path / "rhymes.csv"
    path.write_text("Word,Reim,remark\ncat,hat,-\nmoon,soon,-\n", encoding="utf-8")
    found = inspect(path, formats=dataset_formats())
    assert (found.format, found.mapping.columns) == ("rhymes", {"word": "Word", "rhyme": "Reim"})
    *prompt, answer = found.examples.usable[1].messages or ()
    assert (prompt, answer["content"]) == (all_tasks()["rhyme"].prompt(word="moon", kind="full"), "soon")


def test_rows_of_its_format_are_judged_by_its_metric(host: LocalModelHost) -> None:
    prompt = all_tasks()["rhyme"].prompt(word="moon", kind="full")
    rows = [Example((*prompt, {"role": "assistant", "content": "soon"}), None, number) for number in range(2)]
    found = asyncio.run(compare((host.client(), host.client()), rows, format="rhymes"))
    assert found and [difference.name for difference in found.differences] == ["exact match"]


def test_its_format_can_be_chosen_and_its_columns_are_asked_for(tmp_path: Path) -> None:
    with build_real_page(tmp_path) as page:
        config: Any = page.get_config_file()
    choices = [component["props"].get("choices") or [] for component in config["components"]]
    assert any(("rhymes" in [value for _, value in drawn]) and ("text" in [v for _, v in drawn]) for drawn in choices)
    draft = Draft(format="rhymes", known=("a", "b"), columns={"word": "a"})
    word, rhyme, *others = columns.updates(draft, str)
    assert [(one.label, one.value) for one in (word, rhyme)] == [("The word is in", "a"), ("The rhyme is in", None)]
    assert not any(one.visible for one in others)


def test_its_inputs_are_checked_and_it_answers(host: LocalModelHost) -> None:
    task, client = all_tasks()["rhyme"], host.client()

    async def answers() -> list[Any]:
        return [output async for output in task.ask(client, word="cat")]

    assert asyncio.run(answers())[-1].finished
    for wrong in ({"word": " "}, {"word": 7}, {"word": "cat", "kind": "quarter"}, {}):
        with pytest.raises(InputError):
            task.read_inputs(wrong, host.info)


def test_what_it_forgot_is_measured_and_said(host: LocalModelHost) -> None:
    mine = [item for item in items() if item.task == "rhyme"]
    assert [item.reference for item in mine] == ["hat", "soon"]
    assert isinstance(asyncio.run(forgetting._predict(host.client(), mine[0])), str)
    lost = PairedDifference("exact match", 90.0, 10.0, -90.0, -70.0, 12)
    said = [str(one) for one in verdict(None, TrainingCurve(1, 1), [TaskScore("rhyme", lost)])]
    assert said[-1] == "It forgot how to rhyme."
