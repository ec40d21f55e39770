"""What stands behind the page, in one object that `app.py` builds and every tab is given."""

import asyncio
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr

from playground.adapters.archive import import_zip
from playground.adapters.info import AdapterInfo
from playground.adapters.store import AdapterStore
from playground.data_dir import DataDir
from playground.errors import AdapterError, InputError
from playground.files import KEPT_FREE_BYTES
from playground.protocol.client import SamplingClient
from playground.protocol.engine import SwapReceipt
from playground.protocol.messages import BASE
from playground.protocol.model import ModelHost
from playground.service.adapters import refusal
from playground.service.merging import WholeModels
from playground.service.owners import Owners, check_known
from playground.service.publishing import publish_step
from playground.training.jobs.job import Job
from playground.training.jobs.queue import JobQueue

MIN_FREE_BYTES = 64 * 2**20
"""Of one's own disk; on a shared server `KEPT_FREE_BYTES` are left."""


@dataclass(frozen=True)
class Services:
    host: ModelHost
    store: AdapterStore
    jobs: JobQueue
    owners: Owners
    data: DataDir
    whole_models: WholeModels = field(default_factory=WholeModels)

    def owner(self, request: gr.Request) -> str:
        return self.owners.owner(request.headers)

    def known_owner(self, request: gr.Request) -> str:
        return self.owners.known_owner(request.headers)

    async def client(self, owner: str, adapter: object, strength: float = 1.0) -> SamplingClient:
        """Find the adapter among those the owner may use and swap it into the live model.

        `adapter` is `BASE`, an id or a name; raises `AdapterError` for an unknown one, or one for another model.
        """
        if adapter == BASE:
            return self.host.client(owner, strength=strength)
        card = self.store.get(owner, str(adapter))
        await asyncio.to_thread(self.load, owner, card)
        return self.host.client(owner, self.store.key(card), strength)

    def load(self, owner: str, card: AdapterInfo) -> None:
        """Swap an adapter in, where it is not yet, and keep the proof; raises `AdapterError`."""
        self.check_base(card)
        receipt = self.host.load_adapter(self.store.key(card), card.folder)
        if card.receipt is not None:
            return
        if any(own.id == card.id for own in self.store.list(owner) if own.visibility == "private"):
            self.store.note_receipt(owner, card.id, receipt)

    def fits(self, card: AdapterInfo) -> bool:
        """Whether the adapter is for the model that is loaded. Of another one it may have the shapes, not the sense."""
        return self.host.info.serves(card.base_fingerprint)

    def check_base(self, card: AdapterInfo) -> None:
        """Raise `AdapterError` for an adapter of another model than the one that is loaded."""
        reason = refusal(self.host.info, card.name, card.base_model, card.base_fingerprint)
        if reason:
            raise reason

    def adopt(self, owner: str, name: str, archive: Path) -> AdapterInfo:
        """Import a zip with a PEFT adapter; raises `AdapterError` and keeps nothing if it cannot be used here."""
        check_known(owner)
        self.check_disk(2 * archive.stat().st_size)  # looked at in one folder, kept in another
        folder = import_zip(archive, self.data.root, self.host.info.fingerprint)
        try:
            receipt = self._try_out(folder)
            return self.store.publish(
                owner,
                name,
                folder,
                base_model=self.host.info.name,
                base_fingerprint=self.host.info.fingerprint,
                source={"imported": True},
                receipt=receipt,
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def check_disk(self, size: int = 0) -> None:
        """Raise `InputError` where so many bytes more would leave too little of the disk for others."""
        kept = KEPT_FREE_BYTES if self.owners.mode == "public" else MIN_FREE_BYTES
        if shutil.disk_usage(self.data.root).free < size + kept:
            raise InputError("The server has no room for more files now. Try again in some hours.")

    def _try_out(self, folder: Path) -> SwapReceipt:
        """See that the live model can use an adapter before it is anybody's; raises `AdapterError`."""
        key = f"import-{secrets.token_hex(8)}"
        receipt = self.host.load_adapter(key, folder)
        self.host.unload_adapter(key)
        return receipt

    def remove(self, owner: str, adapter: str) -> AdapterInfo:
        """Delete one of the owner's adapters and let the live model go of it; raises `AdapterError`."""
        card = self.store.own(owner, adapter)
        with suppress(AdapterError):  # nobody has used it since the app began: the live model does not know it
            self.host.unload_adapter(self.store.key(card))  # until then its files may be read again
        return self.store.delete(owner, card.id)

    def publish_step(self, job: Job, step: int) -> str:
        """Make an adapter of what a run had learnt at a step; blocks; returns its id. Raises `PlaygroundError`."""
        return publish_step(self.host, self.store, job, step)

    def adapter_choices(self, owner: str) -> list[tuple[str, str]]:
        """(name, id) of the adapters that this owner may use on the loaded model, for the picker."""
        return [(card.name, card.id) for card in self.store.list(owner) if self.fits(card)]
