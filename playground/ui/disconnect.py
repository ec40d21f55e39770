"""Work that is for somebody who waits: it ends when they leave. Gradio itself looks after generators alone."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from gradio.context import LocalContext

Answer = TypeVar("Answer")
LOOK_S = 0.25


async def while_there(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Do what the running event was asked for; once whoever asked has left, the work is cancelled, and so is this."""
    event = _running_event()
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=LOOK_S))[0]:
            if event is not None and not event.alive:
                raise asyncio.CancelledError
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


def _running_event() -> Any:
    blocks, event_id = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    return blocks._queue.event_ids_to_events.get(event_id) if blocks is not None and event_id else None
