"""Defends chats through OpenAI's own client: the page's answers, whole and streamed, by base and adapters; and a
sentence of OpenAI's shape for what cannot be done."""

import asyncio
import json
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from tests.security.visitor import Visitor
from tests.server.openai.conftest import client_of
from tests.support.asking import until
from tests.support.running_app import RunningApp

ASKED: list[Any] = [{"role": "user", "content": "Tell me of the sea."}]


def ask(client: OpenAI, **given: Any) -> Any:
    return client.chat.completions.create(**{"model": "base", "messages": ASKED, "temperature": 0, **given})


def test_an_answer_is_the_pages(client: OpenAI, ann: Visitor) -> None:
    answer = ask(client, max_tokens=12)
    assert answer.choices[0].message.content == ann.result("generate", "Tell me of the sea.", "base", "", 12, 0.0)
    assert answer.choices[0].finish_reason in ("length", "stop")
    assert 0 < answer.usage.completion_tokens <= 12
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_stream_adds_up_to_the_whole(client: OpenAI) -> None:
    """Greedily: a seed's draws may turn where what was read before is known, and so computed otherwise."""
    asked: dict[str, Any] = {"max_tokens": 24, "n": 2, "logprobs": True, "top_logprobs": 3}
    whole = ask(client, **asked)
    told = ["", ""]
    words: list[list[str]] = [[], []]
    chunks = list(ask(client, **asked, stream=True, stream_options={"include_usage": True}))
    for choice in (choice for chunk in chunks for choice in chunk.choices):
        told[choice.index] += choice.delta.content or ""
        words[choice.index] += [word.token for word in choice.logprobs.content] if choice.logprobs else []
    assert told == [choice.message.content for choice in whole.choices] == ["".join(one) for one in words]
    assert chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])
    likeliest = whole.choices[0].logprobs.content[0].top_logprobs
    assert [one.logprob for one in likeliest] == sorted((one.logprob for one in likeliest), reverse=True)
    assert len(likeliest) == 3


def test_several_answers_are_drawn_apart(client: OpenAI) -> None:
    one, other = ask(client, max_tokens=24, n=2, seed=7, temperature=1.2).choices
    assert one.message.content != other.message.content


def test_adapters_are_models(client: OpenAI, stranger: OpenAI, adapter: str) -> None:
    """By id and by name, in whatever strength, and nobody else's."""
    names = [one.id for one in client.models.list()]
    assert names[0] == "base"
    assert adapter in names
    assert client.models.retrieve("pirate").id == adapter
    base, taught, none = (
        ask(client, max_tokens=16, model=model, extra_body={"strength": strength}).choices[0].message.content
        for model, strength in (("base", 1.0), ("pirate", 1.0), (adapter, 0.0))
    )
    assert base == none != taught
    assert adapter not in [one.id for one in stranger.models.list()]
    for call in (
        lambda: ask(stranger, model=adapter),
        lambda: stranger.models.retrieve(adapter),
        lambda: ask(client, model="gpt-4"),
    ):
        with pytest.raises(openai.NotFoundError) as refused:
            call()
        assert refused.value.code == "model_not_found"


def test_a_key_of_another_server_is_refused(app: RunningApp) -> None:
    with pytest.raises(openai.AuthenticationError):
        ask(client_of(app, "sk-somebody-elses"))
    assert httpx.get(f"{app.url}/v1/models").json()["data"][0]["id"] == "base"


def test_the_answer_keeps_to_a_schema(client: OpenAI) -> None:
    """Whatever the model would rather say; the schema's own order and choices included."""
    schema = {
        "type": "object",
        "properties": {"mood": {"enum": ["good", "bad"]}, "stars": {"type": "integer", "minimum": 1, "maximum": 5}},
        "required": ["mood", "stars"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "review", "schema": schema}}
    answer = ask(client, response_format=wanted, temperature=1.0, seed=3, n=3, max_tokens=200)
    for choice in answer.choices:
        found = json.loads(choice.message.content)
        assert found["mood"] in ("good", "bad")
        assert 1 <= found["stars"] <= 5
        assert choice.finish_reason == "stop"
    some = ask(client, response_format={"type": "json_object"}, temperature=1.0, seed=5, max_tokens=300).choices[0]
    assert some.finish_reason == "length" or isinstance(json.loads(some.message.content), dict)


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"messages": []}, "messages", ""),
        ({"messages": [{"role": "robot", "content": "Hello"}]}, None, "messages[0] has the role robot"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, None, "messages[0]"),
        ({"temperature": 9}, "temperature", "from 0.0 to 5.0"),
        ({"temperature": "hot"}, "temperature", "temperature"),
        ({"n": 99}, "n", "n"),
        ({"top_p": 2}, "top_p", "top_p"),
        ({"max_tokens": 0}, "max_new_tokens", "from 1"),
        ({"logit_bias": {"5": 10}}, "logit_bias", "not supported"),
        ({"extra_body": {"magic": True}}, "magic", "magic"),
        ({"response_format": {"type": "json_schema"}}, None, "json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "cat"}}}},
            None,
            "JSON schema cannot be used",
        ),
        ({"messages": [{"role": "user", "content": "sea " * 100_000}]}, None, "words"),
    ],
)
def test_what_cannot_be_done_is_told(client: OpenAI, given: dict[str, Any], field: str | None, said: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, **given)
    assert said in refused.value.body["message"]  # type: ignore[index, call-overload]
    if field:
        assert refused.value.param == field
    if "words" in said:
        assert refused.value.code == "context_length_exceeded"


def test_what_is_no_json_is_told(app: RunningApp, ann: Visitor) -> None:
    for content in (b"", b"[]", b"{", b"[" * 100_000, b'"\xff'):
        answer = ann.http.post("/v1/chat/completions", content=content)
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_frees_its_place(app: RunningApp, ann: Visitor, stream: bool) -> None:
    body = {"model": "base", "messages": ASKED, "stream": stream, "max_tokens": 2000, "stop": ["no such words"]}
    body |= {"temperature": 2.0, "top_k": 0, "top_p": 1.0}

    def running() -> int:
        return int(ann.result("status")["running"])

    async def leave() -> None:
        async with httpx.AsyncClient(base_url=app.url, headers=dict(ann.http.headers), timeout=60) as http:
            asked = asyncio.ensure_future(http.post("/v1/chat/completions", json=body))
            while not await asyncio.get_running_loop().run_in_executor(None, running):
                assert not asked.done()
            asked.cancel()

    asyncio.run(leave())
    until(lambda: running() == 0)
