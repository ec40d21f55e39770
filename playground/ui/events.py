"""Runs a task from a tab: the button becomes Stop while it runs, and nothing is lost when it goes wrong."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import gradio as gr

from playground.ui.components.basics import html
from playground.ui.i18n import t

EVENT_OPTIONS: dict[str, Any] = {"concurrency_limit": None, "api_visibility": "private", "show_progress": "hidden"}
"""How the page's own events are bound: the engine admits, not Gradio's queue; none of them is public API."""

STREAM_EVERY_S = 0.05


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


def run_and_stop_buttons(action: str, elem_id: str) -> tuple[gr.Button, gr.Button]:
    """The primary button and the Stop that takes its place; call where they shall stand."""
    go = gr.Button(t(action), variant="primary", size="lg", min_width=120, elem_id=f"{elem_id}-go")
    stop = gr.Button(
        t("Stop"),
        variant="stop",
        size="lg",
        min_width=120,
        visible=False,
        elem_id=f"{elem_id}-stop",
        elem_classes=["stop-now"],
    )
    return go, stop


def wire(
    triggers: Sequence[Callable[..., Any]],
    buttons: tuple[gr.Button, gr.Button],
    handler: Callable[..., Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    written: gr.Textbox | None = None,
    started: Any = None,
) -> Any:
    """Run the async generator `handler` on each trigger; Stop closes it, which cancels the request. Returns the run.

    Meanwhile nobody can write into `written`, an output that is an input too. `started` is an event that has shown Stop
    already, in the place of the triggers.
    """
    go, stop = buttons
    both = [go, stop, *([written] if written else [])]
    running, idle = (partial(_shows, state, written is not None) for state in (True, False))
    name = f"page_{str(go.elem_id).replace('-', '_')}"  # else it would take the public endpoint's name
    if started is None:  # one event: Enter and the button cannot run twice
        started = gr.on(list(triggers), running, None, both, **EVENT_OPTIONS)
    streaming = started.then(handler, list(inputs), list(outputs), api_name=name, trigger_mode="once", **EVENT_OPTIONS)
    streaming.success(idle, None, both, **EVENT_OPTIONS)
    streaming.failure(idle, None, both, **EVENT_OPTIONS)  # Gradio's `then` does not run after an error in a stream
    stop.click(idle, None, both, cancels=[streaming], **EVENT_OPTIONS)
    return streaming


COPY = """() => {
  const found = %s.map(place => document.querySelector(place)).find(place => place);
  const text = found ? (found.value ?? found.innerText) : "";
  if (!text) return;
  if (navigator.clipboard) return navigator.clipboard.writeText(text).then(() => {});
  const hidden = document.body.appendChild(document.createElement("textarea"));
  hidden.value = text;
  hidden.select();
  document.execCommand("copy");  // the clipboard proper is there on https and localhost only
  hidden.remove();
}"""


def copy_from(*selectors: str) -> str:
    """A script that copies what the first of these places on the page holds; nothing, if none is there."""
    return COPY % json.dumps(selectors)


def puts(values: Sequence[Any]) -> str:
    """A script that puts values into an event's outputs; None leaves one as it is.

    From the server they could come after what a visitor typed meanwhile.
    """
    return f"() => {json.dumps(values)}.map(value => value ?? undefined)"


def chips(examples: Sequence[Any], fill: Sequence[Any], names: Sequence[str]) -> None:
    """One button for each example, which fills the inputs of these names."""
    with gr.Row(elem_classes=["try"]):
        html('<span class="tag">%s</span>', "Try one of these")
        for example in examples:
            values = [example.inputs.get(name) for name in names]
            chip = gr.Button(t(example.title), size="sm", min_width=0, elem_classes=["chip"])
            chip.click(None, None, list(fill), js=puts(values), **EVENT_OPTIONS)


def _shows(running: bool, written: bool) -> list[Any]:
    """Updates for a button, its Stop, and the text that is written in where there is one."""
    return [
        gr.Button(visible=not running),
        gr.Button(visible=running),
        *[gr.Textbox(interactive=not running)] * written,
    ]
