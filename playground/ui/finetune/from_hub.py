"""Fine-tune, step 1: data by name, from the hub. What there is is told before anything of it is fetched."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground.data.table import MAX_ROWS
from playground.errors import InputError
from playground.i18n.catalog import Gettext
from playground.protocol.hub_dataset import HubDataset, HubSplit
from playground.sentence import N_
from playground.service.reading.hub import ROWS, HubChoice
from playground.ui.components import snippets
from playground.ui.components.basics import caption, second
from playground.ui.components.model_facts import gigabytes
from playground.ui.disconnect import while_there
from playground.ui.errors import errors_under, show_errors
from playground.ui.events import EVENT_OPTIONS
from playground.ui.finetune import review
from playground.ui.finetune.review import CheckParts
from playground.ui.finetune.state import CHECK, Draft, FinetunePage, open_step
from playground.ui.i18n import gettext_for, t

NAME_FIELD, ROWS_FIELD = "once-hub-name", "once-hub-rows"


@dataclass(frozen=True)
class HubParts:
    name: gr.Textbox
    look: gr.Button
    told: gr.HTML
    choosing: gr.Row
    configuration: gr.Dropdown
    split: gr.Dropdown
    rows: gr.Number
    take: gr.Button
    found: gr.State
    """The `HubDataset` that is shown."""


def build() -> HubParts:
    """Draw the controls; call inside step 1."""
    caption("Or take rows of a set on the Hugging Face hub:")
    with gr.Row(elem_classes=["hub", "name"]):
        name = gr.Textbox(
            label=t("Name of the set"),
            show_label=False,
            container=False,
            placeholder=t("Its name, as in rajpurkar/squad"),
            max_length=120,
            scale=1,
            elem_id=NAME_FIELD,
        )
        look = second("Look")
    told = gr.HTML("", padding=False, visible=False)
    with gr.Row(visible=False, elem_classes=["hub", "part"]) as choosing:
        configuration = gr.Dropdown([], label=t("Configuration"), interactive=True, min_width=120)
        split = gr.Dropdown([], label=t("Split"), interactive=True, min_width=120)
        rows = gr.Number(
            ROWS, label=t("Rows"), minimum=2, maximum=MAX_ROWS, precision=0, min_width=90, elem_id=ROWS_FIELD
        )
        take = second("Take them")
    return HubParts(name, look, told, choosing, configuration, split, rows, take, gr.State(None))


def wire(frame: FinetunePage, parts: HubParts, check: CheckParts) -> None:
    """Looking tells what there is; taking fetches rows and opens the next step."""

    @errors_under(NAME_FIELD)
    async def look(name: str, request: gr.Request) -> list[Any]:
        frame.services.owners.known_owner(request.headers)
        found = await while_there(frame.services.hub.facts(HubChoice(name or "")))
        configuration, split = found.find()
        return [found, gr.Row(visible=True), *_drawn(found, configuration.name, split.name, gettext_for(request))]

    @show_errors
    async def choose(found: HubDataset | None, configuration: str, split: str, request: gr.Request) -> list[Any]:
        if found is None:
            raise InputError("Write the name of a set of the hub, as in rajpurkar/squad.")
        known = next(one for one in found.configurations if one.name == configuration)
        split = split if split in [one.name for one in known.splits] else found.find(configuration)[1].name
        return _drawn(found, configuration, split, gettext_for(request))

    @errors_under(NAME_FIELD, {"rows": ROWS_FIELD})
    async def take(
        found: HubDataset | None, configuration: str, split: str, rows: float, request: gr.Request
    ) -> list[Any]:
        if found is None:
            raise InputError("Write the name of a set of the hub, as in rajpurkar/squad.")
        owner, gettext = frame.services.owners.known_owner(request.headers), gettext_for(request)
        choice = HubChoice(found.id, configuration, split, int(rows or 0))
        file, fetched = await while_there(frame.services.hub.fetch(owner, choice))
        draft, drawn = await review.read(frame.services, Draft(str(file.path), file.name or ""), request)
        if fetched.left_out:
            columns = ", ".join(fetched.left_out[:5])
            gr.Info(gettext(N_("Left out, since they hold pictures or sounds: {columns}."), columns=columns))
        return [open_step(CHECK), draft, *drawn]

    chosen = [parts.configuration, parts.split]
    shown = [*chosen, parts.told]
    looked = [parts.found, parts.choosing, *shown]
    gr.on([parts.look.click, parts.name.submit], look, parts.name, looked, **EVENT_OPTIONS)
    for part in chosen:
        part.input(choose, [parts.found, *chosen], shown, **EVENT_OPTIONS)
    taken = [frame.steps, frame.draft, *check.drawn]
    parts.take.click(take, [parts.found, *chosen, parts.rows], taken, **EVENT_OPTIONS)


def _drawn(found: HubDataset, configuration: str, split: str, gettext: Gettext) -> list[Any]:
    """Updates for the two lists and what is told."""
    one, chosen = found.find(configuration, split)
    return [
        gr.Dropdown(choices=[each.name for each in found.configurations], value=configuration),
        gr.Dropdown(choices=[each.name for each in one.splits], value=split),
        gr.HTML(snippets.caption(" · ".join(_facts(found, chosen, gettext))), visible=True),
    ]


def _facts(found: HubDataset, split: HubSplit, gettext: Gettext) -> Sequence[str]:
    rows = gettext(N_("{count} rows"), count=f"{split.rows:,}") if split.rows else ""
    facts = [found.id, rows, gigabytes(split.size)]
    licence = gettext(N_("licence: {name}"), name=found.license or gettext(N_("not told")))
    return [fact for fact in (*facts, licence) if fact]
