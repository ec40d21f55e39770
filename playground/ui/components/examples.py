"""A row of examples to try, one button each."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from playground.i18n.catalog import in_chinese
from playground.ui.components.basics import html
from playground.ui.components.model_binding import bind
from playground.ui.events import EVENT_OPTIONS, in_browser
from playground.ui.i18n import t


def chips(examples: Sequence[Any], fill: Sequence[Any], names: Sequence[str], go: gr.Button) -> list[gr.Button]:
    """One button for each example, which fills the inputs of these names and presses `go`; returns the buttons.

    On the Chinese page the inputs are Chinese where the loaded model speaks it.
    """
    drawn: list[gr.Button] = []
    speaks = gr.JSON({}, visible=False)
    bind(speaks, lambda info, _: gr.JSON({"chinese": "Chinese" in (info.chat_languages or info.languages)}))
    with gr.Row(elem_classes=["try"]):
        html('<span class="tag">%s</span>', "Try one of these")
        for example in examples:
            values = [example.inputs.get(name) for name in names]
            chinese = [in_chinese(value) if value else value for value in values]
            chip = gr.Button(t(example.title), size="sm", min_width=0, elem_classes=["chip"])
            # From the server they could come after what a visitor typed meanwhile.
            filled = chip.click(None, speaks, list(fill), js=in_browser("put", values, chinese), **EVENT_OPTIONS)
            filled.then(None, js=in_browser("press", go.elem_id), **EVENT_OPTIONS)
            drawn.append(chip)
    return drawn
