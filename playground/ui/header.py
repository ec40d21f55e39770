"""The bar on top: what is loaded, who answers and how strongly, who has signed in, language and theme."""

from dataclasses import dataclass

import gradio as gr
from markupsafe import Markup

from playground.i18n.catalog import Gettext
from playground.protocol.model import ModelInfo
from playground.sentence import N_
from playground.service.services import Services
from playground.ui.components import account, adapter_picker, compare, model_offer, model_panel
from playground.ui.components.adapter_picker import AdapterPicker
from playground.ui.components.basics import ghost, html, static_html
from playground.ui.components.model_binding import bind
from playground.ui.components.model_offer import ModelOffer
from playground.ui.components.model_panel import ModelPanel
from playground.ui.events import in_browser
from playground.ui.templates import snippet

TIPS = {
    "4bit": N_(
        "4-bit: the model's layers are stored in 4 bits, so that it fits a small machine. "
        "The memory is the model's alone."
    ),
    "8bit": N_("8-bit: the model's layers are stored in 8 bits. The memory is the model's alone."),
    "none": N_("The model is stored as it was made. The memory is the model's alone."),
}
"""By `ModelInfo.quantization`."""


@dataclass(frozen=True)
class Header:
    """The bar and what opens below it."""

    choice: AdapterPicker
    panel: ModelPanel
    offer: ModelOffer
    changed: gr.Button
    """Clicked by the browser once another model answers."""
    account: gr.HTML
    waits: gr.HTML
    """What of the visitor's is yet to come to the account."""


def build() -> Header:
    """Draw the bar, and below it what is said and asked about the model."""
    html('<a class="skip" href="#pages">%s</a>', "Skip to the content")
    with gr.Row(elem_id="bar"):
        bind(gr.HTML(snippet("brand"), padding=False, elem_classes=["brand"]), facts)
        opener = model_panel.button()
        choice = adapter_picker.build()
        signed_in = gr.HTML("", padding=False, elem_id="account", visible=False)
        ghost("中文", elem_id="language", elem_classes=["lang"]).click(None, js=in_browser("switchLanguage"))
        ghost("Theme", elem_id="theme", elem_classes=["lang"]).click(None, js=in_browser("switchTheme"))
    static_html('<div id="model-line" role="status"></div><div id="told" role="status"></div>')
    waits = gr.HTML("", padding=False, elem_id="waits", visible=False)
    panel, offer = model_panel.build(opener), model_offer.build()
    return Header(choice, panel, offer, gr.Button(elem_id="model-changed"), signed_in, waits)


def wire(services: Services, page: gr.Blocks, header: Header) -> None:
    """Have the bar and every place that names who answers follow what is chosen, and the model."""
    adapter_picker.wire(services, [page.load, header.changed.click], header.choice)
    compare.wire(services, header.choice)
    model_panel.wire(services, header.panel, header.changed)
    model_offer.wire(services, page, header.offer, header.panel, header.changed)
    account.wire(services, page, header.account, header.waits)


def facts(info: ModelInfo, gettext: Gettext) -> Markup:
    """Model, precision, device and memory as they really are; the tooltip explains the precision."""
    runs = " · ".join([info.device.upper(), *([gettext("one at a time")] if info.one_at_a_time else [])])
    tip = gettext(TIPS[info.quantization])
    loaded = snippet("loaded", tip, info.name, info.precision, runs, f"{info.memory_gib:.2f}")
    return snippet("brand", loaded)
