"""The Fine-tune tab: four steps from a file of examples to an adapter in the live model."""

import asyncio
import time
from typing import Any

import gradio as gr

from playground.ui import corrections, finetune_bring, finetune_check, finetune_result, finetune_teach, finetune_watch
from playground.ui.corrections import Note
from playground.ui.finetune_state import BRING, CHECK, RESULT, TEACH, Draft, Frame, go, owning_tab
from playground.ui.finetune_teach import TeachParts
from playground.ui.finetune_watch import WatchParts
from playground.ui.running import EVENT
from playground.ui.services import Services
from playground.ui.texts import t
from playground.ui.toasts import friendly


def build(services: Services, picker: gr.Dropdown, tabs: gr.Tabs, note: Note | None = None) -> None:
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
    frame = Frame(
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
        corrections.lead_on(frame, note, check)
    tab = owning_tab()
    if tab is not None:
        _attach(frame, tab, teach, watch)


def _attach(frame: Frame, tab: gr.Tab, teach: TeachParts, watch: WatchParts) -> None:
    """Whoever opens the tab finds the run again that goes on, or that ended a moment ago."""

    @friendly
    async def find(job_id: str, request: gr.Request) -> list[Any]:
        owner = frame.services.owner(request)
        state = None if job_id else await asyncio.to_thread(finetune_watch.latest, frame.services, owner, time.time())
        if state is None:
            return [gr.skip()] * 5
        # The clock's next tick draws the run; at its end it moves on to the result by itself.
        return [state["job_id"], gr.Timer(active=True), go(TEACH), gr.Column(visible=False), gr.Column(visible=True)]

    tab.select(find, frame.job, [frame.job, frame.clock, frame.steps, teach.before, watch.running], **EVENT)
