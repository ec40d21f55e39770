"""Asks the base model and an adapter the same things, side by side, for as long as there is time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from playground.protocol.client import SamplingClient
from playground.protocol.messages import Message
from playground.protocol.sampling import GREEDY

PAIRS_AT_ONCE = 6
"""Two requests each, so that visitors find some of the live model's sixteen places free."""

Row = TypeVar("Row")
Said = TypeVar("Said")
Clients = tuple[SamplingClient, SamplingClient]
"""The base model and the adapter."""


async def side_by_side(
    say: Callable[[SamplingClient, Row], Awaitable[Said]], clients: Clients, rows: Sequence[Row], budget_s: float
) -> list[tuple[Said, Said]]:
    """What both say to the rows, in their order; those that have not begun after `budget_s` seconds are left out."""
    until = time.monotonic() + budget_s
    places = asyncio.Semaphore(PAIRS_AT_ONCE)

    async def pair(row: Row) -> tuple[Said, Said] | None:
        async with places:
            if time.monotonic() > until:
                return None
            base, adapter = await asyncio.gather(*(say(client, row) for client in clients))
            return base, adapter

    asked = await asyncio.gather(*(pair(row) for row in rows))
    return [said for said in asked if said]


async def answer(client: SamplingClient, asked: Sequence[Message], most: int, repetition_penalty: float = 1.0) -> str:
    """The likeliest answer, of at most `most` tokens; empty where the question leaves no room for one."""
    token_ids = client.tokenizer.apply_chat_template(asked)
    room = client.info.context_length - len(token_ids)
    if room < 1 or not token_ids:
        return ""
    params = replace(GREEDY, max_new_tokens=min(most, room), repetition_penalty=repetition_penalty)
    text = ""
    async for output in client.generate(token_ids, params):
        text = output.text
    return text.strip()


async def negative_log_likelihood(
    client: SamplingClient, opening: Sequence[int], rest: Sequence[int]
) -> tuple[float, list[int]]:
    """How surprised the model is by `rest` after `opening`, in nats, and so much of `rest` as it reads at once."""
    read = list(rest[: client.info.context_length - len(opening)])
    (found,) = await client.compute_logprobs(opening, [read])
    return -sum(found.logprobs), read
