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
"""Two requests each, so that visitors find some of the live model's sixteen slots free."""

Row = TypeVar("Row")
Prediction = TypeVar("Prediction")
Clients = tuple[SamplingClient, SamplingClient]
"""The base model and the adapter."""


async def side_by_side(
    predict: Callable[[SamplingClient, Row], Awaitable[Prediction]],
    clients: Clients,
    rows: Sequence[Row],
    budget_s: float,
) -> list[tuple[Prediction, Prediction]]:
    """What both predict for the rows, in their order; those not begun after `budget_s` seconds are left out."""
    until = time.monotonic() + budget_s
    places = asyncio.Semaphore(PAIRS_AT_ONCE)

    async def pair(row: Row) -> tuple[Prediction, Prediction] | None:
        async with places:
            if time.monotonic() > until:
                return None
            base, adapter = await asyncio.gather(*(predict(client, row) for client in clients))
            return base, adapter

    pairs = await asyncio.gather(*(pair(row) for row in rows))
    return [pair for pair in pairs if pair]


async def answer(
    client: SamplingClient, messages: Sequence[Message], max_tokens: int, repetition_penalty: float = 1.0
) -> str:
    """The likeliest answer, of at most `max_tokens`; empty where the question leaves no room for one."""
    token_ids = client.tokenizer.apply_chat_template(messages)
    room = client.info.context_length - len(token_ids)
    if room < 1 or not token_ids:
        return ""
    params = replace(GREEDY, max_new_tokens=min(max_tokens, room), repetition_penalty=repetition_penalty)
    text = ""
    async for output in client.generate(token_ids, params):
        text = output.text
    return text.strip()


async def negative_log_likelihood(
    client: SamplingClient, opening: Sequence[int], rest: Sequence[int]
) -> tuple[float, list[int]]:
    """The negative log-likelihood of `rest` after `opening`, in nats, and so much of `rest` as it reads at once."""
    read = list(rest[: client.info.context_length - len(opening)])
    (found,) = await client.compute_logprobs(opening, [read])
    return -sum(found.logprobs), read
