"""How the page's events are bound, what of them the browser does alone, and in which language they answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any

import gradio as gr

from playground.ui.i18n import gettext, locale_of
from playground.ui.templates import Gettext

EVENT_OPTIONS: dict[str, Any] = {"concurrency_limit": None, "api_visibility": "private", "show_progress": "hidden"}
"""How the page's own events are bound: the engine admits, not Gradio's queue; none of them is public API."""

STREAM_EVERY_S = 0.05


def in_browser(function: str, *fixed: str) -> str:
    """An event's `js`: a call of one of `static/page.js`'s functions with these arguments, else with the inputs."""
    arguments = ", ".join(json.dumps(one) for one in fixed) if fixed else "...values"
    return f"(...values) => window.playground.{function}({arguments})"


def gettext_for(request: gr.Request) -> Gettext:
    """Say things in the language of the one who asks."""
    return partial(gettext, locale_of(request))


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
