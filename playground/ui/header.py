"""The bar on top: what is loaded, who answers and how strongly, language and theme."""

import gradio as gr
from markupsafe import Markup

from playground.i18n.catalog import Gettext
from playground.protocol.model import ModelInfo
from playground.sentence import N_
from playground.service.services import Services
from playground.ui.components import adapter_picker, compare
from playground.ui.components.adapter_picker import AdapterPicker
from playground.ui.components.basics import ghost
from playground.ui.components.model_binding import bind
from playground.ui.events import in_browser
from playground.ui.templates import snippet

TIP = N_("4-bit: every number of the model is stored in 4 bits, so that it fits a small machine")


def build() -> AdapterPicker:
    """Draw the bar; returns the controls that say who answers."""
    with gr.Row(elem_id="bar"):
        bind(gr.HTML(snippet("brand"), padding=False, elem_classes=["brand"]), facts)
        choice = adapter_picker.build()
        ghost("中文", elem_id="language", elem_classes=["lang"]).click(None, js=in_browser("switchLanguage"))
        ghost("Theme", elem_id="theme", elem_classes=["lang"]).click(None, js=in_browser("switchTheme"))
    return choice


def wire(services: Services, page: gr.Blocks, choice: AdapterPicker) -> None:
    """Have the bar and every place that names who answers follow what is chosen."""
    adapter_picker.wire(services, page, choice)
    compare.wire(services, choice)


def facts(info: ModelInfo, gettext: Gettext) -> Markup:
    """Model, precision, device and memory as they really are; the tooltip explains the precision."""
    loaded = snippet("loaded", gettext(TIP), info.name, info.precision, info.device.upper(), f"{info.memory_gib:.2f}")
    return snippet("brand", loaded)
