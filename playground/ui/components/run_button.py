"""The button that runs a task, which becomes Stop while it runs; nothing is lost when it goes wrong."""

from collections.abc import Callable, Sequence
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
) -> None:
    """Run the async generator `handler` on each trigger; Stop closes it, which cancels the request."""
    go, stop = buttons
    both = [go, stop]
    name = f"page_{str(go.elem_id).replace('-', '_')}"  # else it would take the public endpoint's name
    started = gr.on(
        list(triggers), _running, None, both, **EVENT_OPTIONS
    )  # one event: Enter and the button cannot run twice
    streaming = started.then(handler, list(inputs), list(outputs), api_name=name, trigger_mode="once", **EVENT_OPTIONS)
    streaming.success(_idle, None, both, **EVENT_OPTIONS)
    streaming.failure(_idle, None, both, **EVENT_OPTIONS)  # Gradio's `then` does not run after an error in a stream
    stop.click(_idle, None, both, cancels=[streaming], **EVENT_OPTIONS)


def _running() -> list[gr.Button]:
    return [gr.Button(visible=False), gr.Button(visible=True)]


def _idle() -> list[gr.Button]:
    return [gr.Button(visible=True), gr.Button(visible=False)]
