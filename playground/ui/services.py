"""What stands behind the page, in one object that `app.py` builds and every tab is given."""

import asyncio
from dataclasses import dataclass

import gradio as gr

from playground.adapters.store import AdapterCard, AdapterStore
from playground.protocol import BASE, Live, Voice
from playground.training.jobs import Jobs
from playground.ui.owners import Owners


@dataclass(frozen=True)
class Services:
    live: Live
    store: AdapterStore
    jobs: Jobs
    owners: Owners

    def owner(self, request: gr.Request) -> str:
        return self.owners.owner(request.headers)

    async def voice(self, owner: str, adapter: object, strength: float = 1.0) -> Voice:
        """Find the adapter among those the owner may use and swap it into the live model.

        `adapter` is `BASE`, an id or a name; raises `AdapterError` for an unknown one.
        """
        if adapter == BASE:
            return Voice(owner=owner)
        card = self.store.get(owner, str(adapter))
        await asyncio.to_thread(self.load, card)
        return Voice(self.store.key(card), strength, owner)

    def load(self, card: AdapterCard) -> None:
        receipt = self.live.engine.load_adapter(self.store.key(card), card.folder)
        if not card.receipt:
            self.store.note_receipt(card, receipt)

    def adapter_choices(self, owner: str) -> list[tuple[str, str]]:
        """(name, id) of the adapters that this owner may use, for the picker."""
        return [(card.name, card.id) for card in self.store.list(owner)]
