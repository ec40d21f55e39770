"""The bar on top: what is loaded, who answers and how strongly, language and theme."""

import html as escaping

import gradio as gr

from playground.protocol.messages import BASE
from playground.sentence import N_
from playground.service.services import Services
from playground.ui.components import compare
from playground.ui.components.basics import ghost, html
from playground.ui.components.compare import AdapterPicker
from playground.ui.early_script import SWITCH_LANGUAGE, SWITCH_THEME
from playground.ui.events import EVENT_OPTIONS
from playground.ui.i18n import framed, t

MARK = (
    '<svg width="24" height="24" viewBox="0 0 24 24" aria-hidden="true">'
    '<rect x="2" y="7" width="15" height="15" rx="4" fill="var(--base)" opacity=".45"/>'
    '<rect x="7" y="2" width="15" height="15" rx="4" fill="var(--color-accent)"/></svg>'
)
SHOW_CHOICE = """(picked, compare) => {
  const taught = picked !== "base";
  const page = document.querySelector("#bar").parentElement;
  page.classList.toggle("taught", taught);
  page.classList.toggle("comparing", taught && compare);
  const usable = { __type__: "update", interactive: taught };
  return [usable, usable];
}"""
"""With an adapter the picker is green, and strength and Compare can be used; Compare shows the base model's half.

The classes are not on `body`: Gradio gives every rule of ours a second, stronger form for what is inside its page only.
"""
TIP = N_("4-bit: every number of the model is stored in 4 bits, so that it fits a small machine")


def build(services: Services) -> AdapterPicker:
    """Draw the bar; returns the controls that say who answers."""
    with gr.Row(elem_id="bar"):
        gr.HTML(facts(services), padding=False, elem_classes=["brand"])
        html('<span class="tag">%s</span>', "Answers with", classes=("tagbox",))
        picker = gr.Dropdown(
            [(t("Base model"), BASE)],
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
        ghost("中文", elem_id="language", elem_classes=["lang"]).click(None, js=SWITCH_LANGUAGE)
        ghost("Theme", elem_id="theme", elem_classes=["lang"]).click(None, js=SWITCH_THEME)
    return AdapterPicker(picker, strength, beside)


def wire(services: Services, page: gr.Blocks, choice: AdapterPicker) -> None:
    """Fill the picker with the visitor's adapters whenever the page opens, and show what is chosen everywhere."""

    def choices(request: gr.Request) -> gr.Dropdown:
        return gr.Dropdown(
            choices=[(t("Base model"), BASE), *services.adapters.choices(services.owners.owner(request.headers))]
        )

    page.load(choices, None, choice.picker, **EVENT_OPTIONS)
    changes = [choice.picker.change, choice.compare.change]
    gr.on(changes, None, [choice.picker, choice.compare], [choice.strength, choice.compare], js=SHOW_CHOICE)
    compare.wire(services, choice)


def facts(services: Services) -> object:
    """Model, precision, device and memory as they really are; the tooltip explains the precision."""
    info = services.models.info
    frame = (
        f'<div class="facts">{MARK}<b>LLM Playground</b><small title="%s"><em>{_safe(info.name)}</em> · '
        f"{_safe(info.precision)} · {_safe(info.device.upper())}"
        f'<span class="opt"> · {info.memory_gib:.2f} GB</span></small></div>'
    )
    return framed(frame, TIP)


def _safe(text: str) -> str:
    return escaping.escape(text).replace("%", "%%")
