"""The button that runs a task, which becomes Stop while it runs; nothing is lost when it goes wrong."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gradio as gr

from playground.ui.events import EVENT_OPTIONS
from playground.ui.i18n import t


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


def _shows(running: bool, written: bool) -> list[Any]:
    """Updates for a button, its Stop, and the text that is written in where there is one."""
    return [
        gr.Button(visible=not running),
        gr.Button(visible=running),
        *[gr.Textbox(interactive=not running)] * written,
    ]
