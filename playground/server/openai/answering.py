"""From what a client asks to the model's answers: who is asked, several choices at once, and whoever leaves frees the
places of theirs."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import StreamingResponse

from playground import telemetry
from playground.errors import InputError
from playground.protocol.client import SamplingClient
from playground.protocol.messages import BASE
from playground.protocol.requests import RequestOutput
from playground.protocol.sampling import SamplingParams
from playground.server.openai.errors import UnknownKeyError, as_openai
from playground.server.openai.schemas import OpenAIRequest
from playground.server.owner import services_of
from playground.service.generation import merged, paced
from playground.service.owners import bearer

T = TypeVar("T")
FINISHED = {"stop": "stop", "length": "length", "abort": "length"}
"""OpenAI's word for each reason; an answer that ran into its time is cut as one that is too long."""


def owner_of(request: Request) -> str:
    """Raises `UnknownKeyError` in public mode for a key that is none of this server's; without any it is a stranger."""
    owners = services_of(request).owners
    if bearer(request.headers) and not owners.identify(request.headers):
        raise UnknownKeyError("This is no key of this server. Copy it from the page, or send none.")
    return owners.owner(request.headers)


async def body_of(request: Request) -> dict[str, object]:
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise InputError("The request is not JSON. Send an object with the parameters.") from error
    if not isinstance(body, dict):
        raise InputError("The request is not JSON. Send an object with the parameters.")
    return body


async def client_of(request: Request, asked: OpenAIRequest) -> SamplingClient:
    """Raises `AdapterError` for a model that is not there, `UnknownKeyError`."""
    services, owner = services_of(request), owner_of(request)
    info = services.models.info
    base = asked.model in (BASE, info.id, info.name, info.hub_id)
    return await services.adapters.client(owner, BASE if base else asked.model, asked.strength, "generate")


async def choices(
    client: SamplingClient, prompts: Sequence[Sequence[int]], params: SamplingParams, n: int, top_logprobs: int
) -> AsyncGenerator[Sequence[RequestOutput | None], None]:
    """The newest of `n` answers to each prompt, side by side and paced; a seed is that of the first, and one more for
    each that follows."""

    def answer(prompt: Sequence[int], place: int) -> AsyncIterator[RequestOutput]:
        seed = params.seed if params.seed == -1 else (params.seed + place) % 2**63
        return client.generate(prompt, replace(params, seed=seed), top_logprobs)

    with telemetry.asked("generate") as question:
        streams = [answer(prompt, place) for prompt in prompts for place in range(n)]
        async with aclosing(paced(merged(streams))) as newest:
            async for outputs in newest:
                question.result()
                yield outputs


async def whole(outputs: AsyncIterator[Sequence[RequestOutput | None]]) -> Sequence[RequestOutput]:
    """The last ones, each of them finished."""
    last: Sequence[RequestOutput | None] = []
    async for newest in outputs:
        last = newest
    return [output for output in last if output is not None]


async def unless_left(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns; it is cancelled once the client has gone."""
    task = asyncio.ensure_future(work)
    left = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait((task, left), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise InputError("The client left before it was answered.")
        return task.result()
    finally:
        left.cancel()
        task.cancel()
        await asyncio.gather(task, left, return_exceptions=True)


async def streamed(request: Request, events: AsyncGenerator[dict[str, object], None]) -> StreamingResponse:
    """As server-sent events, once there is a first one: what goes wrong before is told by the status."""
    first = await unless_left(request, anext(events))

    async def lines() -> AsyncIterator[str]:
        async with aclosing(events):
            yield _event(first)
            try:
                async for event in events:
                    yield _event(event)
            except Exception as error:
                yield _event(as_openai(error, request)[1])
                return
        yield "data: [DONE]\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream", headers={"cache-control": "no-store"})


async def news(
    outputs: AsyncIterator[Sequence[RequestOutput | None]],
) -> AsyncGenerator[tuple[int, RequestOutput | None, RequestOutput], None]:
    """Each place that has something new, with what was told of it before; none once it is finished."""
    told: dict[int, RequestOutput] = {}
    async for newest in outputs:
        for place, output in enumerate(newest):
            before = told.get(place)
            if output is not None and not (before and before.finish_reason):
                told[place] = output
                yield place, before, output


def usage(prompt_tokens: int, outputs: Sequence[RequestOutput | None]) -> dict[str, int]:
    """`prompt_tokens` are those of all prompts together, each counted once."""
    written = sum(output.num_tokens for output in outputs if output)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": written,
        "total_tokens": prompt_tokens + written,
    }


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _event(event: dict[str, object]) -> str:
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n"
