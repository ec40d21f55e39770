"""Defends a model that was taught to think: its thoughts beside the answer, off in tasks, and left out of measures."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playground.engine.host import LocalModelHost
from playground.errors import InputError
from playground.evaluation.paired import answer
from playground.models.loader import load_model
from playground.protocol.sampling import SamplingParams
from playground.tasks.base import Task
from playground.tasks.generate import TASK as GENERATE
from playground.tasks.outputs import TextOutput
from playground.tasks.translate import TASK as TRANSLATE
from tests.support.thinking.model import ANSWER, OPENED, SWITCHED, THOUGHT, make_thinker


@pytest.fixture(scope="module", params=[SWITCHED, OPENED], ids=["switched", "opened"])
def thinker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalModelHost]:
    host = LocalModelHost(load_model(str(make_thinker(tmp_path_factory.mktemp("thinker"), request.param)), "none"))
    yield host
    host.close()


def asked(host: LocalModelHost, task: Task[Any], **inputs: Any) -> list[TextOutput]:
    async def run() -> list[TextOutput]:
        return [result async for result in task.ask(host.client(), **inputs)]

    return asyncio.run(run())


def generated(host: LocalModelHost, most: int = 80, **inputs: Any) -> list[TextOutput]:
    return asked(host, GENERATE, prompt="Hello", params=SamplingParams(most, 0.0), **inputs)


def test_thoughts_come_first_and_are_no_part_of_the_answer(thinker: LocalModelHost) -> None:
    assert thinker.info.can_think
    results = generated(thinker, thinking=True)
    assert all(THOUGHT.startswith(one.thinking) and ANSWER.startswith(one.text) for one in results)
    last = results[-1]
    assert (last.thinking, last.text, last.finished) == (THOUGHT, ANSWER, True)
    assert last.prediction == last.to_api() == ANSWER


def test_it_answers_at_once_unless_it_is_asked_to_think(thinker: LocalModelHost) -> None:
    last = generated(thinker)[-1]
    assert (last.thinking, last.text) == ("", ANSWER)
    assert asked(thinker, TRANSLATE, text="The dog.", target="German")[-1].text == ANSWER


def test_measures_see_the_answer_alone(thinker: LocalModelHost) -> None:
    said = asyncio.run(answer(thinker.client(), [{"role": "user", "content": "How are you?"}], 60))
    assert said == ANSWER


def test_an_end_inside_the_thinking_is_told_in_a_sentence(thinker: LocalModelHost) -> None:
    last = generated(thinker, most=6, thinking=True)[-1]
    assert last.unanswered and last.thinking and not last.text
    with pytest.raises(InputError, match="still thinking"):
        last.to_api()


def test_a_measure_of_a_model_that_thinks_unasked_leaves_its_thoughts_out(
    thinker: LocalModelHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer: Any = thinker.tokenizer
    whole = tokenizer.apply_chat_template
    monkeypatch.setattr(tokenizer, "apply_chat_template", lambda messages, *_: whole(messages, True))
    said = asyncio.run(answer(thinker.client(), [{"role": "user", "content": "Hello"}], 80))
    assert said == ANSWER


def test_a_model_on_the_disk_says_nothing_of_thinking_where_its_template_does_not(tiny_model_folder: Path) -> None:
    host = LocalModelHost(load_model(str(tiny_model_folder), "none"))
    try:
        assert not host.info.can_think
        assert generated(host, most=8, thinking=True)[-1].text == generated(host, most=8)[-1].text
    finally:
        host.close()
