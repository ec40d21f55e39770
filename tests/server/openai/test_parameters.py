"""Defends whoever programs for OpenAI from a parameter that is ignored without a word."""

import pytest

from playground.errors import InputError
from playground.server.openai.schemas import IGNORED, REFUSED, ChatRequest, CompletionRequest, OpenAIRequest, read
from tests.server.openai.parameters import OURS, SCHEMAS, TABLE, table

LEAST: dict[type[OpenAIRequest], dict[str, object]] = {
    ChatRequest: {"model": "base", "messages": [{"role": "user", "content": "Hello"}]},
    CompletionRequest: {"model": "base", "prompt": "Hello"},
}
SAMPLING = ("temperature", "top_p", "top_k", "repetition_penalty", "presence_penalty", "frequency_penalty", "seed")


def test_the_table_is_what_is_there() -> None:
    assert TABLE.read_text(encoding="utf-8") == table()


@pytest.mark.parametrize("schema", [ChatRequest, CompletionRequest])
def test_each_is_as_the_table_says(schema: type[OpenAIRequest]) -> None:
    known = next(known for known, one in SCHEMAS if one is schema)
    plain = read(schema, LEAST[schema])
    for name in known - set(schema.model_fields):
        if name in IGNORED:
            assert read(schema, {**LEAST[schema], name: "anything"}) == plain
            continue
        with pytest.raises(InputError, match=name):
            read(schema, {**LEAST[schema], name: {"something": "else"}})
        for nothing in (None, *REFUSED[name]):
            assert read(schema, {**LEAST[schema], name: nothing}) == plain
    with pytest.raises(InputError, match="magic"):
        read(schema, {**LEAST[schema], "magic": 1})
    assert set(schema.model_fields) - known == set(OURS)


@pytest.mark.parametrize("schema", [ChatRequest, CompletionRequest])
def test_what_is_honoured_reaches_the_sampler(schema: type[OpenAIRequest]) -> None:
    plain = read(schema, LEAST[schema]).sampling()
    for name in SAMPLING:
        changed = read(schema, {**LEAST[schema], name: 1 if name in ("seed", "top_k") else 0.5}).sampling()
        assert getattr(changed, name) != getattr(plain, name), name
    for name in {"max_tokens", "max_completion_tokens"} & set(schema.model_fields):
        assert read(schema, {**LEAST[schema], name: 5}).sampling().max_new_tokens == 5
    assert read(schema, {**LEAST[schema], "stop": "x"}).sampling().stop == ("x",)
    assert read(schema, {**LEAST[schema], "stop": ["x", "y"]}).sampling().stop == ("x", "y")
