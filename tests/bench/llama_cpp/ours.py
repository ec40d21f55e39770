"""Our side: requests to the engine in this process, and questions to the running app."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx

from playground.engine.llm_engine import LLMEngine
from playground.protocol.messages import BASE
from tests.bench.llama_cpp.answered import Answered, Progress, answered
from tests.bench.subjects import request

TIMEOUT_S = 600.0


def ask_engine(
    engine: LLMEngine, prompts: Sequence[Sequence[int]], num_tokens: int, adapters: Sequence[str] = (BASE,)
) -> Answered:
    """Greedy, all at once, each with the next of the adapters."""

    async def read(stream: Any) -> Progress:
        return [(time.perf_counter(), output.num_tokens) async for output in stream]

    async def ask() -> Answered:
        requests = [
            request(list(prompt), num_tokens, adapters[place % len(adapters)]) for place, prompt in enumerate(prompts)
        ]
        began = time.perf_counter()
        streams = [engine.submit(one) for one in requests]
        return answered(began, await asyncio.gather(*map(read, streams)))

    return asyncio.run(ask())


def ask_app(url: str, tokenizer: Any, questions: Sequence[str], num_tokens: int) -> Answered:
    """Through `/generate`, each on a connection of its own; tokens are counted in the texts that came."""

    async def read(client: httpx.AsyncClient, question: str) -> Progress:
        shown = [(time.perf_counter(), text) async for text in _texts(client, url, question, num_tokens)]
        return [(when, len(tokenizer(text, add_special_tokens=False).input_ids)) for when, text in shown if text]

    async def ask() -> Answered:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            began = time.perf_counter()
            return answered(began, await asyncio.gather(*(read(client, question) for question in questions)))

    return asyncio.run(ask())


async def _texts(client: httpx.AsyncClient, url: str, question: str, num_tokens: int) -> AsyncIterator[str]:
    """By Gradio's raw HTTP: its Python client looks for news a thousand times a second, and would be measured too."""
    place = f"{url}/gradio_api/call/generate"
    asked = {"data": [question, BASE, "", num_tokens, 0.0]}
    event = (await client.post(place, json=asked)).raise_for_status().json()["event_id"]
    async with client.stream("GET", f"{place}/{event}") as lines:
        kind = ""
        async for line in lines.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data" and kind == "error":
                raise RuntimeError(f"the app refused: {value}")
            elif name == "data" and kind in ("generating", "complete"):
                yield json.loads(value)[0]
