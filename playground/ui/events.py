"""How the page's events are bound, and what of them the browser does alone."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

EVENT_OPTIONS: dict[str, Any] = {"concurrency_limit": None, "api_visibility": "private", "show_progress": "hidden"}
"""How the page's own events are bound: the engine admits, not Gradio's queue; none of them is public API."""

STREAM_EVERY_S = 0.05


def in_browser(function: str, *fixed: object) -> str:
    """An event's `js`: a call of one of `static/page.js`'s functions with these arguments, then the event's inputs."""
    arguments = ", ".join([*(json.dumps(one) for one in fixed), "...values"])
    return f"(...values) => window.playground.{function}({arguments})"


async def paced(results: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Pass on the first result at once, then at most one in `STREAM_EVERY_S`, and always the last."""
    clock = asyncio.get_running_loop().time
    next_at = 0.0
    held: Any = None
    async with aclosing(results):  # type: ignore[type-var]
        async for result in results:
            held = result
            if clock() >= next_at:
                yield result
                held = None
                next_at = clock() + STREAM_EVERY_S
    if held is not None:
        yield held
