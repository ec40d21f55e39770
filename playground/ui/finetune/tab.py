"""The Fine-tune tab: four steps from a file of examples to an adapter in the live model."""

import asyncio
import time
from typing import Any

import gradio as gr

from playground.service.services import Services
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS
from playground.ui.finetune import configure as finetune_teach
from playground.ui.finetune import progress as finetune_watch
from playground.ui.finetune import result as finetune_result
from playground.ui.finetune import review as finetune_check
from playground.ui.finetune import upload as finetune_bring
from playground.ui.finetune.configure import TeachParts
from playground.ui.finetune.progress import WatchParts
from playground.ui.finetune.state import BRING, CHECK, RESULT, TEACH, Draft, FinetunePage, go, owning_tab
from playground.ui.i18n import t
from playground.ui.tabs import corrections
from playground.ui.tabs.corrections import CorrectionsPanel


def build(services: Services, picker: gr.Dropdown, tabs: gr.Tabs, note: CorrectionsPanel | None = None) -> None:
    """Draw the tab and bind its events; call inside its `gr.Tab`. `note` is what leads here from Generate."""
    with gr.Walkthrough(selected=BRING, elem_classes="teaching") as steps:
        with gr.Step(t("Bring examples"), id=BRING):
            bring = finetune_bring.build()
        with gr.Step(t("Check them"), id=CHECK):
            check = finetune_check.build()
        with gr.Step(t("Teach"), id=TEACH):
            teach = finetune_teach.build(services)
            watch = finetune_watch.build()
        with gr.Step(t("See what changed"), id=RESULT):
            result = finetune_result.build()
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
    finetune_bring.wire(frame, bring, check)
    finetune_check.wire(frame, check)
    finetune_teach.wire(frame, teach, check, watch)
    finetune_watch.wire(frame, watch)
    finetune_result.wire(frame, result, bring.file, note.prompt if note else None)
    if note is not None:
        corrections.send_to_finetune(frame, note, check)
    tab = owning_tab()
    if tab is not None:
        _attach(frame, tab, teach, watch)


def _attach(frame: FinetunePage, tab: gr.Tab, teach: TeachParts, watch: WatchParts) -> None:
    """Whoever opens the tab finds the run again that goes on, or that ended a moment ago."""

    @show_errors
    async def find(job_id: str, request: gr.Request) -> list[Any]:
        owner = frame.services.owners.owner(request.headers)
        state = None if job_id else await asyncio.to_thread(frame.services.finetuning.latest, owner, time.time())
        if state is None:
            return [gr.skip()] * 5
        # The clock's next tick draws the run; at its end it moves on to the result by itself.
        return [state["job_id"], gr.Timer(active=True), go(TEACH), gr.Column(visible=False), gr.Column(visible=True)]

    tab.select(find, frame.job, [frame.job, frame.clock, frame.steps, teach.before, watch.running], **EVENT_OPTIONS)
