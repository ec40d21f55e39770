"""The controls in the bar that say who answers: which adapter, how strongly, and whether the base model does too."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from playground.protocol.messages import BASE, PLAIN
from playground.service.services import Services
from playground.ui.components.basics import html
from playground.ui.events import EVENT_OPTIONS, in_browser
from playground.ui.i18n import t


@dataclass(frozen=True)
class AdapterPicker:
    """The bar's controls, and all places on the page that name who answers."""

    picker: gr.Dropdown
    """Its value is `BASE`, an adapter's id, or `PLAIN`."""
    strength: gr.Slider
    """In percent."""
    compare: gr.Checkbox
    named: list[tuple[gr.HTML, gr.State]] = field(default_factory=list)
    """Each place that names who answers, and whether a result stands there."""

    @property
    def inputs(self) -> list[Any]:
        """What `compare.answers` needs to know, in its order."""
        return [self.picker, self.strength, self.compare]


def build() -> AdapterPicker:
    """Draw the controls; call inside the bar."""
    html('<span class="tag">%s</span>', "Answers with", classes=("tagbox",))
    picker = gr.Dropdown(
        [(t("Base model"), BASE), (t("Plain model"), PLAIN)],  # `t` of a later event would not reach the browser
        value=BASE,
        label=t("Answers with"),
        container=False,
        filterable=False,
        interactive=True,
        elem_id="pick",
        elem_classes=["pill"],
    )
    html('<span class="tag">%s</span>', "Strength", classes=("tagbox",))
    strength = gr.Slider(
        0,
        150,
        100,
        step=5,
        label=t("Strength"),
        container=False,
        buttons=[],
        interactive=False,
        elem_id="strength",
        elem_classes=["line"],
    )
    beside = gr.Checkbox(
        label=t("Compare with base"),
        container=False,
        interactive=False,
        elem_id="compare",
        elem_classes=["switch"],
    )
    return AdapterPicker(picker, strength, beside)


def wire(services: Services, triggers: Sequence[Callable[..., Any]], choice: AdapterPicker) -> None:
    """Fill the picker with the visitor's adapters at these events, such as the page's `load`, and show in the bar what
    is chosen."""

    def choices(adapter: str, kept: Any, request: gr.Request) -> gr.Dropdown:
        """What was chosen, at an earlier visit too, stays where it can answer; else the base does, as after a change of
        the model."""
        before = kept.get("pick") if isinstance(kept, dict) else None
        return picked(services, services.owners.owner(request.headers), before or adapter)

    # Gradio lets nothing through the picker itself that was not among its choices yet.
    kept = gr.JSON({}, visible=False)
    shown = [choice.picker, kept]
    filled = gr.on(list(triggers), choices, shown, choice.picker, js=in_browser("keptPick"), **EVENT_OPTIONS)
    filled.then(None, js=in_browser("choiceBack"), **EVENT_OPTIONS)
    triggers[0](None, None, [choice.strength, choice.compare], js=in_browser("keptStrength"), **EVENT_OPTIONS)
    chosen = [choice.picker.change, choice.strength.change, choice.compare.change]
    gr.on(chosen, None, choice.inputs, js=in_browser("keepChoice"), **EVENT_OPTIONS)
    changes = [choice.picker.change, choice.compare.change]
    both = [choice.picker, choice.compare], [choice.strength, choice.compare]
    gr.on(changes, None, *both, js=in_browser("showChoice"))


def picked(services: Services, owner: str, adapter: str | None = None) -> gr.Dropdown:
    """The bar's picker with the owner's adapters as they are now, and this one chosen, if any, where it can answer."""
    plain = [(t("Plain model"), PLAIN)] if services.adapters.has_builtin() else []
    choices = [(t("Base model"), BASE), *services.adapters.choices(owner), *plain]
    if adapter is None:
        return gr.Dropdown(choices=choices)
    return gr.Dropdown(choices=choices, value=adapter if any(adapter == known for _, known in choices) else BASE)
