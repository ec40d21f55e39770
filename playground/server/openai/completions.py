"""`/v1/completions`: texts, or tokens, continued; and scored, where the prompt is to be repeated with its
log-probabilities."""

import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from playground.errors import InputError
from playground.protocol.client import SamplingClient
from playground.protocol.requests import RequestOutput, TokenLogprob
from playground.server.openai.answering import (
    FINISHED,
    body_of,
    choices,
    client_of,
    news,
    streamed,
    unless_left,
    usage,
    whole,
)
from playground.server.openai.errors import OpenAIRoute
from playground.server.openai.schemas import CompletionRequest, read

router = APIRouter(route_class=OpenAIRoute)

MAX_TEXTS = 32
"""Prompts times answers of one call."""
_NOTHING = RequestOutput("", 0)

Scored = tuple[str, float | None, dict[str, float] | None]
"""A token, its log-probability and the likeliest in its place; the first of a text has neither."""


@dataclass(frozen=True, slots=True)
class Echo:
    """What an answer repeats of its prompt."""

    text: str = ""
    scored: tuple[Scored, ...] = ()


@router.post("/v1/completions")
async def completions(request: Request) -> Response:
    """Continue each prompt, whole or as a stream of what is new."""
    asked = read(CompletionRequest, await body_of(request))
    client = await client_of(request, asked)
    given, params = asked.prompts(), asked.sampling()
    if not 0 < len(given) * asked.n <= MAX_TEXTS:
        raise InputError(
            "{field} asks for {number} texts; it must be 1 to {most}.",
            field="prompt",
            number=len(given) * asked.n,
            most=MAX_TEXTS,
        )
    if params.max_new_tokens == 0 and not asked.echo:
        raise InputError("max_tokens is 0: nothing would be written. Ask for 1 or more, or for echo.")
    prompts = [await client.encode_prompt(one, 1) if isinstance(one, str) else one for one in given]
    echoes = [Echo()] * len(prompts)
    if asked.echo:
        echoes = await unless_left(request, _echoes(client, prompts, given, asked.logprobs))
    if params.max_new_tokens:
        outputs = choices(client, prompts, params, asked.n, asked.logprobs or 0)
    else:
        outputs = _silence(len(prompts) * asked.n)
    head = {
        "id": f"cmpl-{uuid.uuid4().hex}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": asked.model,
        "system_fingerprint": client.info.fingerprint[:12],
    }
    read_tokens = sum(map(len, prompts))
    if asked.stream:
        return await streamed(request, _chunks(outputs, asked, echoes, head, read_tokens))
    last = await unless_left(request, whole(outputs))
    texts = [_choice(place, _NOTHING, one, echoes[place // asked.n], asked) for place, one in enumerate(last)]
    return JSONResponse({**head, "choices": texts, "usage": usage(read_tokens, last)})


async def _silence(number: int) -> AsyncGenerator[Sequence[RequestOutput | None], None]:
    """Answers of which none was asked for."""
    yield [replace(_NOTHING, finish_reason="length")] * number


async def _chunks(
    outputs: AsyncGenerator[Sequence[RequestOutput | None], None],
    asked: CompletionRequest,
    echoes: Sequence[Echo],
    head: dict[str, Any],
    read_tokens: int,
) -> AsyncGenerator[dict[str, Any], None]:
    last: dict[int, RequestOutput] = {}
    async for place, before, output in news(outputs):
        echo = Echo() if before else echoes[place // asked.n]
        last[place] = output
        yield {**head, "choices": [_choice(place, before or _NOTHING, output, echo, asked)]}
    if asked.wants_usage:
        yield {**head, "choices": [], "usage": usage(read_tokens, list(last.values()))}


def _choice(
    place: int, before: RequestOutput, output: RequestOutput, echo: Echo, asked: CompletionRequest
) -> dict[str, Any]:
    """What `output` has beyond `before`, after what is repeated."""
    words = [_scored(word, asked.logprobs or 0) for word in output.logprobs[len(before.logprobs) :]]
    return {
        "index": place,
        "text": echo.text + output.text[len(before.text) :],
        "logprobs": None if asked.logprobs is None else _logprobs([*echo.scored, *words], len(before.text)),
        "finish_reason": FINISHED[output.finish_reason] if output.finish_reason else None,
    }


async def _echoes(
    client: SamplingClient,
    prompts: Sequence[Sequence[int]],
    given: Sequence[str | Sequence[int]],
    logprobs: int | None,
) -> list[Echo]:
    decode = client.tokenizer.decode
    echoes = []
    for prompt, text in zip(prompts, given, strict=True):
        written = text if isinstance(text, str) else decode(prompt)
        echoes.append(Echo(written, await _score(client, prompt, logprobs) if logprobs is not None else ()))
    return echoes


async def _score(client: SamplingClient, prompt: Sequence[int], top_logprobs: int) -> tuple[Scored, ...]:
    decode = client.tokenizer.decode
    first: Scored = (decode(prompt[:1]), None, None)
    if len(prompt) < 2:
        return (first,)
    (scores,) = await client.compute_logprobs(prompt[:1], [prompt[1:]], top_logprobs)
    tops = scores.top_logprobs or ((),) * len(scores.logprobs)
    rest = [
        (decode([token]), logprob, {decode([other]): value for other, value in likeliest})
        for token, logprob, likeliest in zip(prompt[1:], scores.logprobs, tops, strict=True)
    ]
    return (first, *rest)


def _scored(word: TokenLogprob, top_logprobs: int) -> Scored:
    likeliest = sorted(((word.token, word.logprob), *word.top_logprobs), key=lambda pair: -pair[1])
    return word.token, word.logprob, dict(likeliest[:top_logprobs])


def _logprobs(scored: Sequence[Scored], begins_at: int) -> dict[str, Any]:
    return {
        "tokens": [token for token, _, _ in scored],
        "token_logprobs": [logprob for _, logprob, _ in scored],
        "top_logprobs": [likeliest for _, _, likeliest in scored],
        "text_offset": list(accumulate((len(token) for token, _, _ in scored[:-1]), initial=begins_at))[: len(scored)],
    }
