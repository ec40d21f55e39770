"""Runs tasks for an owner, with an adapter or the base model, or with both at the same time."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from playground import telemetry
from playground.adapters.info import AdapterInfo
from playground.protocol.client import SamplingClient
from playground.protocol.messages import BASE, PLAIN
from playground.service.adapters import AdapterService
from playground.tasks.base import Task

T = TypeVar("T")
Ask = Callable[[SamplingClient], AsyncIterator[T]]
"""Asks one of them; yields results, the last one whole."""
STREAM_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Answers(Generic[T]):
    """The newest results, None where there is none yet; without comparing there is only `own`."""

    base: T | None
    own: T | None
    adapter: AdapterInfo | None
    """Who `own` is from; None for the base model."""
    comparing: bool


class GenerationService:
    def __init__(self, adapters: AdapterService) -> None:
        self._adapters = adapters

    async def run(
        self, owner: str, task: Task[Any], adapter: object = BASE, strength: float = 1.0, **inputs: Any
    ) -> AsyncGenerator[Any, None]:
        """The task's results, paced; the last one is whole. Raises `InputError`, `AdapterError`, `BusyError`."""
        with telemetry.asked(task.name) as question:
            client = await self._adapters.client(owner, adapter, strength, task.name)
            async with aclosing(paced(task.ask(client, **inputs))) as results:
                async for result in results:
                    question.result()
                    yield result

    async def answers(
        self,
        owner: str,
        adapter: object,
        strength: float,
        ask: Ask[T],
        compare: bool = False,
        ask_base: Ask[T] | None = None,
        task: str = "",
    ) -> AsyncGenerator[Answers[T], None]:
        """Ask the adapter for a task and, with `compare`, the base model at the same time (`ask_base`, where it is
        asked otherwise), paced; an error of one ends both."""
        with telemetry.asked(task or "generate") as question:
            found = None if adapter in (BASE, PLAIN) else self._adapters.get(owner, adapter)
            streams = [ask(await self._adapters.client(owner, adapter, strength if found else 1.0, task))]
            if found and compare:
                streams = [(ask_base or ask)(await self._adapters.client(owner, task=task)), *streams]
            async with aclosing(paced(merged(streams))) as newest:
                async for *base, own in newest:
                    question.result()
                    yield Answers(base[0] if base else None, own, found, bool(base))


async def paced(results: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """Pass on the first result at once, then at most one in `STREAM_EVERY_S`, and always the last."""
    clock = asyncio.get_running_loop().time
    next_at = 0.0
    held: T | None = None
    async with aclosing(results):  # type: ignore[type-var]
        async for result in results:
            held = result
            if clock() >= next_at:
                yield result
                held = None
                next_at = clock() + STREAM_EVERY_S
    if held is not None:
        yield held


async def merged(streams: Sequence[AsyncIterator[T]]) -> AsyncGenerator[list[T | None], None]:
    """Read all streams at the same time; yields the newest result of each, skipping what the reader is too slow for.

    The first error is raised. However it ends, all streams are closed, so that none keeps the model busy.
    """
    newest: list[T | None] = [None] * len(streams)
    changed = asyncio.Event()

    async def read(place: int, stream: AsyncIterator[T]) -> None:
        async for result in stream:
            newest[place] = result
            changed.set()

    readers = [asyncio.create_task(read(place, stream)) for place, stream in enumerate(streams)]
    for reader in readers:
        reader.add_done_callback(lambda _: changed.set())
    try:
        while True:
            await changed.wait()
            changed.clear()
            over = [reader for reader in readers if reader.done()]
            for reader in over:
                reader.result()
            yield list(newest)
            if len(over) == len(readers):
                return
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        for stream in streams:
            await stream.aclose()  # type: ignore[attr-defined]
