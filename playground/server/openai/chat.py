"""`/v1/chat/completions`."""

import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

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
from playground.server.openai.schemas import ChatRequest, read

router = APIRouter(route_class=OpenAIRoute)

Outputs = Sequence[RequestOutput | None]
_NOTHING = RequestOutput("", 0)


@router.post("/v1/chat/completions")
async def chat_completions(request: Request) -> Response:
    """Answer a conversation, whole or as a stream of what is new."""
    asked = read(ChatRequest, await body_of(request))
    client = await client_of(request, asked)
    conversation, params = asked.conversation(), asked.sampling()
    prompt = await client.encode_prompt(conversation, text=" ".join(message["content"] for message in conversation))
    top_logprobs = max(1, asked.top_logprobs or 0) if asked.logprobs else 0
    outputs = choices(client, [prompt], params, asked.n, top_logprobs)
    head = _head(asked, client.info.fingerprint)
    if asked.stream:
        return await streamed(request, _chunks(outputs, asked, head, len(prompt)))
    last = await unless_left(request, whole(outputs))
    answers = [
        {
            "index": place,
            "message": {"role": "assistant", "content": output.text, "refusal": None},
            "logprobs": _logprobs(output.logprobs, asked),
            "finish_reason": FINISHED[output.finish_reason or "abort"],
        }
        for place, output in enumerate(last)
    ]
    return JSONResponse({**head, "choices": answers, "usage": usage(len(prompt), last)})


async def _chunks(
    outputs: AsyncGenerator[Outputs, None], asked: ChatRequest, head: dict[str, Any], prompt_tokens: int
) -> AsyncGenerator[dict[str, Any], None]:
    """What is new of each choice, and the reason once it is finished; then how many tokens it took, if asked for."""

    def chunk(place: int, delta: dict[str, str], logprobs: object = None, reason: str | None = None) -> dict[str, Any]:
        choice = {"index": place, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        return {**head, "choices": [choice], **({"usage": None} if asked.wants_usage else {})}

    last: dict[int, RequestOutput] = {}
    async for place, before, output in news(outputs):
        if before is None:
            yield chunk(place, {"role": "assistant", "content": ""})
        told, last[place] = before or _NOTHING, output
        text, words = output.text[len(told.text) :], output.logprobs[len(told.logprobs) :]
        if text or words:
            yield chunk(place, {"content": text}, _logprobs(words, asked))
        if output.finish_reason:
            yield chunk(place, {}, reason=FINISHED[output.finish_reason])
    if asked.wants_usage:
        yield {**head, "choices": [], "usage": usage(prompt_tokens, list(last.values()))}


def _head(asked: ChatRequest, fingerprint: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion.chunk" if asked.stream else "chat.completion",
        "created": int(time.time()),
        "model": asked.model,
        "system_fingerprint": fingerprint[:12],
    }


def _logprobs(words: Sequence[TokenLogprob], asked: ChatRequest) -> dict[str, Any] | None:
    if not asked.logprobs:
        return None
    return {"content": [_token(word, asked.top_logprobs or 0) for word in words], "refusal": None}


def _token(word: TokenLogprob, top_logprobs: int) -> dict[str, Any]:
    """The likeliest ones name the token itself too, where it is one of them."""
    likeliest = sorted(((word.token, word.logprob), *word.top_logprobs), key=lambda pair: -pair[1])
    return {
        **_named(word.token, word.logprob),
        "top_logprobs": [_named(*pair) for pair in likeliest[:top_logprobs]],
    }


def _named(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", "surrogatepass"))}
