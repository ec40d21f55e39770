"""Where a learning curve stands, with its scale, and its picture and numbers to take away."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground.i18n.catalog import Gettext
from playground.ui.components.basics import ghost
from playground.ui.events import EVENT_OPTIONS, in_browser
from playground.ui.i18n import t
from playground.ui.reports import curve
from playground.ui.reports.curve import Run

LOG = "log"


@dataclass(frozen=True)
class CurveView:
    box: gr.Column
    scale: gr.Radio
    plot: gr.HTML

    @property
    def drawn(self) -> list[gr.blocks.Block]:
        """What `draw` returns updates for."""
        return [self.box, self.plot]

    def wire(self, redraw: Callable[..., Any], inputs: Sequence[gr.components.Component]) -> None:
        """Draw anew when another scale is chosen: `redraw` takes the `inputs`, the scale and the request."""
        given = [*inputs, self.scale]
        self.scale.input(redraw, given, self.plot, trigger_mode="always_last", **EVENT_OPTIONS)


def build(elem_id: str) -> CurveView:
    """Draw it, hidden until there is a curve."""
    with gr.Column(visible=False, elem_classes="curve-box") as box:
        plot = gr.HTML("", padding=False, elem_id=elem_id, elem_classes="sideways")
        with gr.Row(elem_classes=["head", "curve-foot"]):
            scale = gr.Radio(
                [(t("Linear"), "linear"), (t("Logarithmic"), LOG)],
                value="linear",
                label=t("Scale of the losses"),
                show_label=False,
                container=False,
                interactive=True,
                elem_classes=["seg"],
            )
            ghost("Save the picture").click(None, js=in_browser("saveCurve", f"#{elem_id}", "picture"))
            ghost("Save the numbers").click(None, js=in_browser("saveCurve", f"#{elem_id}", "numbers"))
    return CurveView(box, scale, plot)


def draw(gettext: Gettext, runs: Sequence[Run], scale: str) -> list[object]:
    """Updates for `CurveView.drawn`."""
    return [gr.Column(visible=any(run.known for run in runs)), curve.chart(gettext, runs, scale == LOG)]
