"""The first minute: what the bundled model is good and bad at, and the one that suits this machine, by one click."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground.sentence import N_
from playground.service.services import Services
from playground.threads import network
from playground.ui.components import model_facts, snippets
from playground.ui.components.basics import ghost, second
from playground.ui.components.model_panel import ModelPanel
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS, in_browser
from playground.ui.i18n import gettext_for

OFFER = N_(
    "{loaded} is small: it chats in English and errs about facts. A real model for this machine: {model}, {size}, "
    "about {count} words a second."
)


@dataclass(frozen=True)
class ModelOffer:
    row: gr.Row
    told: gr.HTML
    take: gr.Button
    leave: gr.Button
    model: gr.State
    """The id of what is offered."""


def build() -> ModelOffer:
    """Draw the row; it is seen only where there is something to offer."""
    with gr.Row(visible=False, elem_id="offer") as row:
        told = gr.HTML("", padding=False, elem_classes=["say"])
        take, leave = second("Get it"), ghost("Not now")
    return ModelOffer(row, told, take, leave, gr.State(""))


def wire(services: Services, page: gr.Blocks, offer: ModelOffer, panel: ModelPanel, changed: gr.Button) -> None:
    """Ask for an offer when the page opens and after a change of the model; taking it opens the panel and goes on."""

    @show_errors
    async def look(request: gr.Request) -> list[Any]:
        operator = services.owners.is_operator(request.headers)
        found = await network.run(services.models.suggestion, operator)
        choosing = gr.Button(visible=services.models.may_choose(operator) or services.models.asks_for_key())
        if found is None:
            return [gr.Row(visible=False), "", "", choosing]
        gettext = gettext_for(request)
        said = gettext(
            OFFER,
            loaded=services.models.info.name,
            model=found.name,
            size=gettext(N_("is here")) if found.present else model_facts.gigabytes(found.download_bytes),
            count=model_facts.rounded(found.words_per_s or 0.0),
        )
        return [gr.Row(visible=True), snippets.caption(said), found.id, choosing]

    @show_errors
    async def take(model: str, request: gr.Request) -> gr.Row:
        owner, operator = services.owners.owner(request.headers), services.owners.is_operator(request.headers)
        await network.run(services.models.use, owner, operator, model)
        return gr.Row(visible=False)

    shown = [offer.row, offer.told, offer.model, panel.open]
    gr.on([page.load, changed.click], look, None, shown, **EVENT_OPTIONS)
    taken = offer.take.click(take, offer.model, offer.row, **EVENT_OPTIONS)
    taken.success(None, None, None, js=in_browser("click", "#models"), **EVENT_OPTIONS)
    offer.leave.click(None, js=in_browser("dismissOffer"))
