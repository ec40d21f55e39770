"""Adapters of another model: which one they name, and changing to it, or using them here all the same."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground.adapters.info import AdapterInfo
from playground.errors import AdapterError
from playground.sentence import N_
from playground.service.services import Services
from playground.threads import network, slow
from playground.ui.components import snippets
from playground.ui.components.adapter_picker import picked
from playground.ui.components.basics import second
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS
from playground.ui.i18n import gettext_for


@dataclass(frozen=True)
class OtherBase:
    row: gr.Row
    told: gr.HTML
    change: gr.Button
    """To the model that the adapter is for."""
    anyway: gr.Button

    @property
    def drawn(self) -> tuple[gr.blocks.Block, ...]:
        """What `draw` returns updates for."""
        return self.row, self.told, self.change, self.anyway


def build() -> OtherBase:
    """Draw the row; it is seen only for an adapter of another model."""
    with gr.Row(elem_classes=["foot", "rule"], visible=False) as row:
        told = gr.HTML("", padding=False, elem_classes="say")
        anyway, change = second("Use it all the same"), second("Change to its model")
    return OtherBase(row, told, change, anyway)


def draw(services: Services, request: gr.Request, card: AdapterInfo | None) -> list[Any]:
    """Updates for `OtherBase.drawn`."""
    if card is None or services.adapters.fits(card):
        return [gr.Row(visible=False), "", *[gr.skip()] * 2]
    note, operator = services.adapters.note(card), services.owners.is_operator(request.headers)
    return [
        gr.Row(visible=True),
        snippets.caption(gettext_for(request)(note)) if note else "",
        gr.Button(visible=services.models.named(operator, card.base_model) is not None),
        gr.Button(
            visible=services.adapters.may_fit(card) and services.adapters.is_own(_owner(services, request), card)
        ),
    ]


def wire(
    services: Services,
    base: OtherBase,
    chosen: gr.Radio,
    picker: gr.Dropdown,
    drawn: tuple[gr.blocks.Block, ...],
    redraw: Callable[[gr.Request, str], list[Any]],
) -> None:
    """Bind the row's buttons; after a change of the model the page follows by itself. `redraw` returns updates for
    `drawn`, the page of an adapter."""

    @show_errors
    async def change(adapter: str | None, request: gr.Request) -> None:
        owner, operator = services.owners.owner(request.headers), services.owners.is_operator(request.headers)
        card = services.adapters.get(owner, adapter)
        found = await network.run(services.models.named, operator, card.base_model)
        if found is None:
            raise AdapterError("{model} cannot be loaded here now.", model=card.base_model)
        await network.run(services.models.use, owner, operator, found.id)

    @show_errors
    async def use_anyway(adapter: str | None, request: gr.Request) -> list[Any]:
        owner = services.owners.known_owner(request.headers)
        card = await slow.run(services.adapters.use_anyway, owner, str(adapter))
        gr.Info(gettext_for(request)(N_("It can be used with the loaded model now.")), duration=4)
        return [picked(services, owner), *redraw(request, card.id)]

    base.change.click(change, chosen, None, **EVENT_OPTIONS)
    base.anyway.click(use_anyway, chosen, [picker, *drawn], **EVENT_OPTIONS)


def _owner(services: Services, request: gr.Request) -> str:
    return services.owners.owner(request.headers)
