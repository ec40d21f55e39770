"""The bar on top: what is loaded, who answers, language and theme."""

import html as escaping

import gradio as gr

from playground.protocol import BASE
from playground.ui.language import SWITCH_LANGUAGE, SWITCH_THEME
from playground.ui.parts import ghost, html
from playground.ui.running import EVENT
from playground.ui.services import Services
from playground.ui.texts import framed, t

MARK = (
    '<svg width="24" height="24" viewBox="0 0 24 24" aria-hidden="true">'
    '<rect x="2" y="7" width="15" height="15" rx="4" fill="var(--base)" opacity=".45"/>'
    '<rect x="7" y="2" width="15" height="15" rx="4" fill="var(--color-accent)"/></svg>'
)
MARK_TAUGHT = '(picked) => { document.body.classList.toggle("taught", picked !== "base"); }'
"""The picker is green while an adapter is chosen."""
TIP = "4-bit: every number of the model is stored in 4 bits, so that it fits a small machine"


def build(services: Services) -> gr.Dropdown:
    """Draw the bar; returns the picker, whose value is `BASE` or an adapter's id."""
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
        ghost("中文", elem_id="language", elem_classes=["lang"]).click(None, js=SWITCH_LANGUAGE)
        ghost("Theme", elem_id="theme", elem_classes=["lang"]).click(None, js=SWITCH_THEME)
    return picker


def wire(services: Services, page: gr.Blocks, picker: gr.Dropdown) -> None:
    """Fill the picker with the visitor's adapters whenever the page opens."""

    def choices(request: gr.Request) -> gr.Dropdown:
        return gr.Dropdown(choices=[(t("Base model"), BASE), *services.adapter_choices(services.owner(request))])

    page.load(choices, None, picker, **EVENT)
    picker.change(None, picker, js=MARK_TAUGHT)


def facts(services: Services) -> object:
    """Model, precision, device and memory as they really are; the tooltip explains the precision."""
    status = services.live.engine.status()
    frame = (
        f'<div class="facts">{MARK}<b>LLM Playground</b><small title="%s"><em>{_safe(status.model)}</em> · '
        f"{_safe(status.quantization)} · {_safe(status.device.upper())}"
        f'<span class="opt"> · {status.memory_gib:.2f} GB</span></small></div>'
    )
    return framed(frame, TIP)


def _safe(text: str) -> str:
    return escaping.escape(text).replace("%", "%%")
