"""An owner's adapters: which there are, which the loaded model can use, and bringing them in and away."""

import secrets
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from playground.adapters.archive import unpack_zip
from playground.adapters.info import AdapterInfo
from playground.adapters.store import AdapterStore
from playground.data_dir import IMPORTING, DataDir
from playground.errors import AdapterError
from playground.files import disk_full_as_error
from playground.protocol.client import SamplingClient
from playground.protocol.engine import SwapReceipt
from playground.protocol.messages import BASE, PLAIN
from playground.protocol.model import ModelHost, ModelInfo
from playground.sandbox.sandbox import Sandbox
from playground.service.owners import check_known
from playground.service.quota import Quota
from playground.threads import slow, swaps

RETIRED = "Starter"
"""What adapters say of the bundled model of versions up to November 2026."""


class AdapterService:
    """The store's adapters, and the live model's. An adapter is for one base model."""

    def __init__(
        self,
        host: ModelHost,
        store: AdapterStore,
        data: DataDir,
        quota: Quota,
        sandbox: Sandbox,
        address_of: Callable[[str], str] = lambda _: "",
    ) -> None:
        """`address_of` tells where an owner's requests come from, by which what all may take is shared out."""
        self._address_of = address_of
        self._host = host
        self._store = store
        self._data = data
        self._quota = quota
        self._sandbox = sandbox

    def list(self, owner: str) -> Sequence[AdapterInfo]:
        """Those that the owner may use, on whatever model, the newest first, and the loaded model's built-in ones."""
        return [card for card in self._store.list(owner) if card.visibility != "built-in" or self.fits(card)]

    def choices(self, owner: str) -> Sequence[tuple[str, str]]:
        """(name, id) of those that the owner may use on the loaded model."""
        return [(adapter.name, adapter.id) for adapter in self._store.list(owner) if self.fits(adapter)]

    def has_builtin(self) -> bool:
        """Whether the loaded model as it comes is more than its bare weights."""
        return any(self.fits(card) for card in self._store.builtin)

    def get(self, owner: str, adapter: object) -> AdapterInfo:
        """Find one of those that the owner may use, by id or name; raises `AdapterError`."""
        return self._store.get(owner, str(adapter))

    async def client(self, owner: str, adapter: object = BASE, strength: float = 1.0, task: str = "") -> SamplingClient:
        """Find the adapter among those the owner may use and swap it into the live model.

        `adapter` is `BASE`, `PLAIN`, an id or a name; the base model answers a `task` with its built-in skill, if it
        has one. Raises `AdapterError` for an unknown adapter, or one for another model.
        """
        found = None
        if adapter != PLAIN:
            found = builtin_skill(self._host.info, self._store, task) if adapter == BASE else self.get(owner, adapter)
        if found is None:
            client = self._host.client(owner, strength=strength if adapter != PLAIN else 1.0)
        else:
            await swaps.run(self.load, owner, found)
            client = self._host.client(owner, self._store.key(found), strength)
            if not client.info.serves(found.base_fingerprint):  # the model was changed just now
                self.check_base(found)
        return replace(client, address=self._address_of(owner))

    def load(self, owner: str, adapter: AdapterInfo) -> None:
        """Swap an adapter in, where it is not yet, and keep the proof; raises `AdapterError`."""
        self.check_base(adapter)
        receipt = self._host.load_adapter(self._store.key(adapter), adapter.folder)
        if adapter.receipt is not None:
            return
        if any(own.id == adapter.id for own in self._store.list(owner) if own.visibility == "private"):
            self._store.note_receipt(owner, adapter.id, receipt)

    def fits(self, adapter: AdapterInfo) -> bool:
        """Whether the adapter is for the model that is loaded. Of another one it may have the shapes, not the sense."""
        return self._host.info.serves(adapter.base_fingerprint)

    def check_base(self, adapter: AdapterInfo) -> None:
        """Raise `AdapterError` for an adapter of another model than the one that is loaded."""
        reason = refusal(self._host.info, adapter.name, adapter.base_model, adapter.base_fingerprint)
        if reason:
            raise reason

    async def import_adapter(self, owner: str, name: str, archive: Path) -> AdapterInfo:
        """Import a zip with a PEFT adapter; raises `PlaygroundError` and keeps nothing if it cannot be used here."""
        check_known(owner)
        self._quota.check_disk(2 * archive.stat().st_size)  # looked at in one folder, kept in another
        with disk_full_as_error():
            folder = Path(tempfile.mkdtemp(prefix=IMPORTING, dir=self._data.root))
        try:
            await self._sandbox.run(owner, unpack_zip, archive, folder, self._host.info.fingerprint)
            return await slow.run(self._adopt, owner, name, folder)
        finally:
            await slow.run(shutil.rmtree, folder, ignore_errors=True)

    def _adopt(self, owner: str, name: str, folder: Path) -> AdapterInfo:
        receipt = self._try_out(folder)
        return self._store.publish(
            owner,
            name,
            folder,
            base_model=self._host.info.name,
            base_fingerprint=self._host.info.fingerprint,
            source={"imported": True},
            receipt=receipt,
        )

    def rename(self, owner: str, adapter: str, name: str) -> AdapterInfo:
        """Rename one of the owner's adapters; raises `AdapterError`."""
        return self._store.rename(owner, adapter, name)

    def delete_adapter(self, owner: str, adapter: str) -> AdapterInfo:
        """Delete one of the owner's adapters and let the live model go of it; raises `AdapterError`."""
        found = self._store.own(owner, adapter)
        with suppress(AdapterError):  # nobody has used it since the app began: the live model does not know it
            self._host.unload_adapter(self._store.key(found))  # until then its files may be read again
        return self._store.delete(owner, found.id)

    def move_all(self, owner: str, to: str) -> int:
        """Give all of the owner's to another one; returns how many. Where one is loaded, it stays so."""
        return self._store.move_all(owner, to)

    def remove_all(self, owner: str) -> int:
        """Delete all of the owner's adapters as `delete_adapter` does each; returns how many."""
        mine = self._store.owned(owner)
        for adapter in mine:
            with suppress(AdapterError):  # deleted in another tab just now
                self.delete_adapter(owner, adapter.id)
        return len(mine)

    def _try_out(self, folder: Path) -> SwapReceipt:
        """See that the live model can use an adapter before it is anybody's; raises `AdapterError`."""
        key = f"import-{secrets.token_hex(8)}"
        receipt = self._host.load_adapter(key, folder)
        self._host.unload_adapter(key)
        return receipt


def builtin_skill(info: ModelInfo, store: AdapterStore, task: str) -> AdapterInfo | None:
    """The adapter that is part of this model, as it comes, for a task; None for most."""
    fitting = (card for card in store.builtin if card.task == task and info.serves(card.base_fingerprint))
    return next(fitting, None)


def refusal(info: ModelInfo, adapter: str, model: str, fingerprint: str) -> AdapterError | None:
    """Why an adapter of this name, made for the model of this name, cannot be used on `info`; None where it can."""
    if info.serves(fingerprint):
        return None
    if model == RETIRED:
        return AdapterError(
            "The adapter '{adapter}' is for the toy model that came with earlier versions, which is no longer here. It "
            "can still be downloaded; teach {loaded} with the same file to use it here.",
            adapter=adapter,
            loaded=info.name,
        )
    if model == info.name:
        return AdapterError(
            "The adapter '{adapter}' is for other weights of {loaded} than those that are loaded. Load the ones it "
            "was made for, or choose another adapter.",
            adapter=adapter,
            loaded=info.name,
        )
    return AdapterError(
        "The adapter '{adapter}' is for the model {wanted}, but {loaded} is loaded. Load {wanted}, or choose "
        "another adapter.",
        adapter=adapter,
        wanted=model or fingerprint[:12],
        loaded=info.name,
    )
