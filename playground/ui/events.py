"""How the page's events are bound, and what of them the browser does alone."""

import json
from typing import Any

EVENT_OPTIONS: dict[str, Any] = {"concurrency_limit": None, "api_visibility": "private", "show_progress": "hidden"}
"""How the page's own events are bound: the engine admits, not Gradio's queue; none of them is public API."""


def in_browser(function: str, *fixed: object) -> str:
    """An event's `js`: a call of one of `static/page.js`'s functions with these arguments, then the event's inputs."""
    arguments = ", ".join([*(json.dumps(one) for one in fixed), "...values"])
    return f"(...values) => window.playground.{function}({arguments})"
