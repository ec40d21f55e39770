"""Runs a task from a tab: the button becomes Stop while it runs, and nothing is lost when it goes wrong."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from playground.ui.components.basics import html
from playground.ui.i18n import t

EVENT_OPTIONS: dict[str, Any] = {"concurrency_limit": None, "api_visibility": "private", "show_progress": "hidden"}
"""How the page's own events are bound: the engine admits, not Gradio's queue; none of them is public API."""


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


def chips(examples: Sequence[Any], fill: Sequence[Any], names: Sequence[str]) -> None:
    """One button for each example, which fills the inputs of these names."""
    with gr.Row(elem_classes=["try"]):
        html('<span class="tag">%s</span>', "Try one of these")
        for example in examples:
            values = [example.inputs.get(name) for name in names]
            chip = gr.Button(t(example.title), size="sm", min_width=0, elem_classes=["chip"])
            chip.click(_filling(values), None, list(fill), **EVENT_OPTIONS)


def _filling(values: Sequence[str | None]) -> Callable[[], Any]:
    def fill() -> Any:
        found = [gr.skip() if value is None else value for value in values]
        return found[0] if len(found) == 1 else found

    return fill


def _running() -> list[gr.Button]:
    return [gr.Button(visible=False), gr.Button(visible=True)]


def _idle() -> list[gr.Button]:
    return [gr.Button(visible=True), gr.Button(visible=False)]
