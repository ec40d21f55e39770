"""Fine-tune, step 4: another step of the run than the best one, as an adapter of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground.errors import InputError
from playground.i18n.catalog import Gettext
from playground.service.runs import KeptStep
from playground.threads import quick, slow
from playground.ui.components.adapter_picker import picked
from playground.ui.components.basics import caption, second
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS, in_browser
from playground.ui.finetune.state import FinetunePage
from playground.ui.i18n import gettext_for, t


@dataclass(frozen=True)
class StepParts:
    open: gr.Button
    panel: gr.Column
    steps: gr.Radio
    take: gr.Button


def build_panel() -> tuple[gr.Column, gr.Radio, gr.Button]:
    """Draw the list, hidden until it is asked for; call inside the card that it stands in."""
    with gr.Column(visible=False, elem_classes=["page", "other-steps"]) as panel:
        steps = gr.Radio([], label=t("Choose another step"), interactive=True, elem_classes="stack")
        caption("It is put beside the others as an adapter of its own, and measured like them: about ten seconds.")
        take = second("Make it an adapter")
    return panel, steps, take


def wire(frame: FinetunePage, parts: StepParts) -> None:
    """Bind opening the list and taking a step from it."""
    services = frame.services

    @show_errors
    async def open_list(job_id: str, shown: bool, request: gr.Request) -> list[Any]:
        if shown:
            return [gr.Column(visible=False), gr.skip(), False]
        kept = await quick.run(services.finetuning.kept_steps, services.owners.owner(request.headers), job_id)
        return [gr.Column(visible=True), gr.Radio(choices=_choices(kept, gettext_for(request)), value=None), True]

    @show_errors
    async def take(job_id: str, step: Any, request: gr.Request) -> list[Any]:
        if not isinstance(step, int):
            raise InputError("Choose a step first.")
        owner = services.owners.known_owner(request.headers)
        adapter = await slow.run(services.finetuning.publish_step, owner, job_id, step)
        return [adapter, picked(services, owner, adapter), gr.Column(visible=False), False]

    shown = gr.State(False)
    opened = parts.open.click(open_list, [frame.job, shown], [parts.panel, parts.steps, shown], **EVENT_OPTIONS)
    opened.success(None, js=in_browser("stepsIntoView"), **EVENT_OPTIONS)
    working = {"interactive": False}
    pressed = parts.take.click(lambda: gr.Button(t("Making it ready…"), **working), None, parts.take, **EVENT_OPTIONS)
    taken = pressed.then(
        take, [frame.job, parts.steps], [frame.adapter, frame.picker, parts.panel, shown], **EVENT_OPTIONS
    )
    for outcome in (taken.success, taken.failure):
        outcome(lambda: gr.Button(t("Make it an adapter"), interactive=True), None, parts.take, **EVENT_OPTIONS)


def _choices(kept: Sequence[KeptStep], gettext: Gettext) -> list[tuple[str, int]]:
    """The steps that were kept, each with how far off it was on the examples set aside."""
    if not kept:
        raise InputError("Nothing of this run was kept but its adapter.")
    choices = []
    for one in kept:
        fields = {"step": one.step, "loss": f"{one.eval_loss or 0:.2f}"}
        if one.eval_loss is None:
            told = gettext("Step {step}", step=one.step)
        elif one.best:
            told = gettext("Step {step}: off by {loss}, the best", **fields)
        else:
            told = gettext("Step {step}: off by {loss}", **fields)
        choices.append((told, one.step))
    return choices
