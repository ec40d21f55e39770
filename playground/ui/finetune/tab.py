"""The Fine-tune tab: four steps from a file of examples to an adapter in the live model."""

import time
from typing import Any

import gradio as gr

from playground.service.services import Services
from playground.threads import quick
from playground.ui.components.basics import owning_tab
from playground.ui.components.chat_history import Afresh
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS
from playground.ui.finetune import configure, progress, result, review, upload
from playground.ui.finetune.configure import TeachParts
from playground.ui.finetune.progress import WatchParts
from playground.ui.finetune.review import CheckParts
from playground.ui.finetune.state import BRING, CHECK, RESULT, TEACH, Draft, FinetunePage, open_step
from playground.ui.i18n import t


def build(
    services: Services,
    picker: gr.Dropdown,
    tabs: gr.Tabs,
    prompt: gr.Textbox | None = None,
    afresh: Afresh | None = None,
) -> tuple[FinetunePage, CheckParts]:
    """Draw the tab and bind its events; call inside its `gr.Tab`. `prompt` is where Generate is asked, `afresh` begins
    a new chat there.

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
        picker=picker,
        tabs=tabs,
    )
    upload.wire(frame, bring, check)
    review.wire(frame, check)
    configure.wire(frame, teach, check, watch)
    progress.wire(frame, watch)
    result.wire(frame, outcome, bring.file, prompt, afresh)
    tab = owning_tab()
    if tab is not None:
        _attach(frame, tab, teach, watch)
    return frame, check


def _attach(frame: FinetunePage, tab: gr.Tab, teach: TeachParts, watch: WatchParts) -> None:
    """Whoever opens the tab finds the run again that goes on, or that ended a moment ago."""

    @show_errors
    async def find(job_id: str, request: gr.Request) -> list[Any]:
        owner = frame.services.owners.owner(request.headers)
        state = None if job_id else await quick.run(frame.services.finetuning.latest, owner, time.time())
        if state is None:
            return [gr.skip()] * 5
        # The clock's next tick draws the run; at its end it moves on to the result by itself.
        seen = gr.Column(visible=False), gr.Column(visible=True)
        return [state["job_id"], gr.Timer(active=True), open_step(TEACH), *seen]

    tab.select(find, frame.job, [frame.job, frame.clock, frame.steps, teach.before, watch.running], **EVENT_OPTIONS)
