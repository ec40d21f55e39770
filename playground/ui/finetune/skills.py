"""Fine-tune, step 4: what a training spoilt, measured whole, and the ways out of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground.adapters.info import AdapterInfo
from playground.evaluation.forgetting import BUDGET_S
from playground.i18n.catalog import Gettext
from playground.metrics.bootstrap import MIN_PAIRED_ROWS
from playground.sentence import N_
from playground.service.services import Services
from playground.ui.components.adapter_picker import AdapterPicker, picked
from playground.ui.components.basics import second
from playground.ui.disconnect import while_there
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS, in_browser
from playground.ui.finetune.state import BRING, CHECK, FinetunePage, open_step
from playground.ui.finetune.work import NEXT
from playground.ui.i18n import gettext_for
from playground.ui.reports import report
from playground.ui.reports.run import duration

HALF = 50
"""A strength, in percent."""


@dataclass(frozen=True)
class SkillParts:
    table: gr.HTML
    every: gr.Button
    half: gr.Button
    lighter: gr.Button

    @property
    def buttons(self) -> list[gr.Button]:
        """What `offered` returns updates for."""
        return [self.every, self.half, self.lighter]


def build() -> SkillParts:
    """Draw the table, and below it what can be done; call inside the card that it stands in."""
    table = gr.HTML("", padding=False)
    with gr.Column(elem_classes="page"):
        every = second("Ask all of them", visible=False, elem_id="skills-all")
        half = second("Try it at half strength", visible=False, elem_id="skills-half")
        lighter = second("Teach it more lightly", visible=False, elem_id="skills-lighter")
    return SkillParts(table, every, half, lighter)


def offered(services: Services, card: AdapterInfo, gettext: Gettext) -> list[gr.Button]:
    """Asking all items where too few were, with the time that it takes at the pace of those; the ways out where
    something was lost."""
    skills: Any = card.report.get("skills", ())
    asked = max((skill["rows"] for skill in skills), default=0)
    label = gettext("Ask all of them")
    if asked:
        seconds = BUDGET_S * services.skills.items_of_each / asked
        label = gettext("Ask all of them, about {time}", time=duration(gettext, seconds))
    spoilt = any(skill["worse"] for skill in skills)
    few = 0 < asked < MIN_PAIRED_ROWS
    return [gr.Button(label, visible=few, interactive=True), *[gr.Button(visible=spoilt, interactive=True)] * 2]


def wire(frame: FinetunePage, parts: SkillParts, choice: AdapterPicker, intensity: gr.Radio, redraw: Any) -> None:
    """Bind the buttons. `redraw` is a (function, inputs, outputs) that draws the step anew."""
    pressed = parts.every.click(_asking, None, parts.every, **EVENT_OPTIONS)
    measured = pressed.then(_measuring(frame), frame.adapter, None, **EVENT_OPTIONS)
    measured.success(*redraw, **EVENT_OPTIONS)
    measured.failure(lambda: gr.Button(interactive=True), None, parts.every, **EVENT_OPTIONS)
    begun = parts.half.click(_asking, None, parts.half, **EVENT_OPTIONS)
    lowered = begun.then(_lowering(frame), frame.adapter, [parts.table, *choice.inputs[:2]], **EVENT_OPTIONS)
    for outcome, visible in ((lowered.success, False), (lowered.failure, True)):
        outcome(lambda visible=visible: gr.Button(visible=visible, interactive=True), None, parts.half, **EVENT_OPTIONS)
    back = parts.lighter.click(
        lambda draft: (open_step(CHECK if draft.usable else BRING), "", "", "light", {"wanted": draft.usable > 0}),
        frame.draft,
        [frame.steps, frame.job, frame.adapter, intensity, go_on := gr.JSON({}, visible=False)],
        **EVENT_OPTIONS,
    )
    back.success(None, go_on, None, js=in_browser("pressIf", NEXT), **EVENT_OPTIONS)


def _asking(request: gr.Request) -> gr.Button:
    return gr.Button(gettext_for(request)(N_("Asking it…")), interactive=False)


def _measuring(frame: FinetunePage) -> Callable[..., Any]:
    services = frame.services

    @show_errors
    async def measure(adapter: str, request: gr.Request) -> None:
        owner = services.owners.known_owner(request.headers)
        await while_there(services.skills.measure_all(owner, adapter))

    return measure


def _lowering(frame: FinetunePage) -> Callable[..., Any]:
    """The adapter at half strength in the bar, and beside the others what the tasks are worth there."""
    services = frame.services

    @show_errors
    async def lower(adapter: str, request: gr.Request) -> list[Any]:
        owner, gettext = services.owners.owner(request.headers), gettext_for(request)
        scores = await while_there(services.skills.at_strength(owner, adapter, HALF / 100))
        card = services.adapters.get(owner, adapter)
        drawn = report.others(card.report, gettext, (HALF, [score.to_dict() for score in scores]))
        return [drawn, picked(services, owner, adapter), HALF]

    return lower
