"""An owner's adapters: which there are, which the loaded model can use, and bringing them in and away."""

import secrets
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from playground.adapters.archive import unpack_zip
from playground.adapters.check import AdapterFacts
from playground.adapters.info import AdapterInfo
from playground.adapters.store import AdapterStore
from playground.data_dir import IMPORTING, DataDir
from playground.errors import AdapterError, OtherBaseError
from playground.files import disk_full_as_error
from playground.models.catalog import STARTER, name_told
from playground.protocol.client import SamplingClient
from playground.protocol.engine import SwapReceipt
from playground.protocol.messages import BASE, PLAIN
from playground.protocol.model import ModelHost, ModelInfo
from playground.sandbox.sandbox import Sandbox
from playground.sentence import N_, Sentence
from playground.service.owners import check_known
from playground.service.quota import Quota
from playground.threads import slow, swaps

RETIRED = "Starter"
"""What adapters say of the bundled model of versions up to November 2026."""
TOY = N_(
    "The adapter '{adapter}' is for the toy model that came with earlier versions, which is no longer here. It can "
    "still be downloaded; teach {loaded} with the same file to use it here."
)
FITS = "fits"
"""In an imported adapter's source: the fingerprint of the model that it has the layers of, though it names another."""


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
            if not is_for(client.info, found.base_model, found.base_fingerprint):  # the model was changed just now
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
        return is_for(self._host.info, adapter.base_model, adapter.base_fingerprint)

    def is_own(self, owner: str, adapter: AdapterInfo) -> bool:
        """Whether it is the owner's to change."""
        return any(own.id == adapter.id for own in self._store.owned(owner))

    def may_fit(self, adapter: AdapterInfo) -> bool:
        """Whether an imported adapter of another model was seen to have the layers of the loaded one, when it came."""
        return not self.fits(adapter) and adapter.source.get(FITS) == self._host.info.fingerprint

    def check_base(self, adapter: AdapterInfo) -> None:
        """Raise `AdapterError` for an adapter of another model than the one that is loaded."""
        reason = refusal(self._host.info, adapter.name, adapter.base_model, adapter.base_fingerprint)
        if reason:
            raise reason

    def note(self, adapter: AdapterInfo) -> Sentence | None:
        """What there is to decide about an adapter that came for another model than the loaded one; None else."""
        info = self._host.info
        if self.fits(adapter):
            return None
        if adapter.base_model == RETIRED:
            return Sentence(TOY, adapter=adapter.name, loaded=info.name)
        told = N_("It names {named} as its model, and {loaded} answers now, so it is kept for {named}.")
        if self.may_fit(adapter):
            told = N_(
                "It names {named} as its model, and {loaded} answers now, so it is kept for {named}. Its layers are "
                "those of {loaded} too: if that is the same model by another name, use it there all the same."
            )
        return Sentence(told, named=adapter.base_model or adapter.base_fingerprint[:12], loaded=info.name)

    async def import_adapter(self, owner: str, name: str, archive: Path, anyway: bool = False) -> AdapterInfo:
        """Import a zip with a PEFT adapter; raises `PlaygroundError` and keeps nothing of what no model could use.

        One that names another model than the loaded one is kept for that, unless it shall be used here `anyway`.
        """
        check_known(owner)
        self._quota.check_disk(2 * archive.stat().st_size)  # looked at in one folder, kept in another
        with disk_full_as_error():
            folder = Path(tempfile.mkdtemp(prefix=IMPORTING, dir=self._data.root))
        try:
            facts = await self._sandbox.run(owner, unpack_zip, archive, folder)
            return await slow.run(self._adopt, owner, name, folder, facts, anyway)
        finally:
            await slow.run(shutil.rmtree, folder, ignore_errors=True)

    def use_anyway(self, owner: str, adapter: str) -> AdapterInfo:
        """Take an imported adapter of another model for one of the loaded model; raises `AdapterError`."""
        found, info = self._store.own(owner, adapter), self._host.info
        if not self.may_fit(found):
            self.check_base(found)
            return found
        receipt = self._try_out(found.folder)
        return self._store.rebase(owner, found.id, info.name, info.fingerprint, receipt)

    def _adopt(self, owner: str, name: str, folder: Path, facts: AdapterFacts, anyway: bool) -> AdapterInfo:
        """Publish what came; for the loaded model it must have worked there, for another one it is taken as it is."""
        info, named = self._host.info, name_told(facts.base_model)
        here = anyway or is_for(info, named, facts.base_fingerprint)
        receipt = None
        try:
            receipt = self._try_out(folder)
        except OtherBaseError:
            if here and (anyway or facts.base_model != STARTER.model_id):  # so the toy model of old was called, too
                raise
            here, named = False, RETIRED if here else named
        except AdapterError:  # too large for the memory, or its numbers are wrong: for another model they may be right
            if here:
                raise
        return self._store.publish(
            owner,
            name,
            folder,
            base_model=info.name if here else named,
            base_fingerprint=info.fingerprint if here else facts.base_fingerprint,
            source={"imported": True} if here else {"imported": True, FITS: info.fingerprint if receipt else ""},
            receipt=receipt if here else None,
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


def is_for(info: ModelInfo, model: str, fingerprint: str) -> bool:
    """Whether an adapter for the model of this name and fingerprint is for `info`; where no fingerprint is known, as of
    adapters that were made elsewhere, the name counts, and where neither is, its layers will tell."""
    if fingerprint or not model:
        return info.serves(fingerprint)
    loaded = {name_told(known).casefold() for known in (info.name, info.id, info.hub_id) if known}
    return name_told(model).casefold() in loaded


def refusal(info: ModelInfo, adapter: str, model: str, fingerprint: str) -> AdapterError | None:
    """Why an adapter of this name, made for the model of this name, cannot be used on `info`; None where it can."""
    if is_for(info, model, fingerprint):
        return None
    if model == RETIRED:
        return AdapterError(TOY, adapter=adapter, loaded=info.name)
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
