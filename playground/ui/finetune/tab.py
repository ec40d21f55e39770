"""The Fine-tune tab: four steps from a file of examples to an adapter in the live model."""

import gradio as gr

from playground.service.services import Services
from playground.ui.components.adapter_picker import AdapterPicker
from playground.ui.components.basics import owning_tab
from playground.ui.components.chat_history import ChatEvents
from playground.ui.finetune import configure, progress, result, review, upload, work
from playground.ui.finetune.review import CheckParts
from playground.ui.finetune.state import BRING, CHECK, RESULT, TEACH, Draft, FinetunePage
from playground.ui.i18n import t


def build(
    services: Services,
    choice: AdapterPicker,
    tabs: gr.Tabs,
    chat: ChatEvents | None = None,
) -> tuple[FinetunePage, CheckParts]:
    """Draw the tab and bind its events; call inside its `gr.Tab`. `chat` is the one in Generate.

    Returns what another tab needs to bring a file here.
    """
    with gr.Walkthrough(selected=BRING, elem_classes="teaching") as steps:
        with gr.Step(t("Bring examples"), id=BRING):
            bring = upload.build()
        with gr.Step(t("Check them"), id=CHECK):
            check = review.build()
        with gr.Step(t("Teach"), id=TEACH):
            teach = configure.build(services)
            watch = progress.build()
        with gr.Step(t("See what changed"), id=RESULT):
            outcome = result.build()
    frame = FinetunePage(
        services=services,
        steps=steps,
        draft=gr.State(Draft()),
        job=gr.State(""),
        told=gr.State(None),
        adapter=gr.State(""),
        clock=gr.Timer(1.0, active=False),
        picker=choice.picker,
        tabs=tabs,
    )
    upload.wire(frame, bring, check)
    review.wire(frame, check)
    configure.wire(frame, teach, check, watch)
    progress.wire(frame, watch)
    result.wire(frame, outcome, bring.file, choice, teach.intensity, chat)
    tab = owning_tab()
    if tab is not None:
        work.wire(frame, tab, bring, check, teach, watch)
    return frame, check
