"""Files that visitors take away: an adapter, or the whole model with the adapter worked in."""

import secrets
import shutil
import time
import zipfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager, suppress
from pathlib import Path

from playground.adapters.archive import export_zip, file_name
from playground.adapters.check import README, WEIGHTS
from playground.adapters.info import AdapterInfo
from playground.adapters.model_card import model_card
from playground.data_dir import DataDir
from playground.errors import AdapterError
from playground.files import disk_full_as_error
from playground.models.catalog import hub_id
from playground.protocol.model import ModelHost
from playground.service.adapters import AdapterService
from playground.service.merging import WholeModels
from playground.service.quota import Quota

KEPT_S = 3600.0
MAX_MERGED_MODELS = 2
"""So many whole models are kept to be fetched; the one made longest ago leaves for the next."""
MAX_ADAPTER_DOWNLOAD_BYTES = 4 * 2**30
"""What adapters to be fetched may take in all; those made longest ago leave first."""
_ADAPTER, _WHOLE = "adapter-", "whole-"


class DownloadService:
    """Puts files where their owners fetch them."""

    def __init__(self, host: ModelHost, adapters: AdapterService, data: DataDir, quota: Quota) -> None:
        self._host = host
        self._adapters = adapters
        self._data = data
        self._quota = quota
        self._whole_models = WholeModels()

    def zipped(self, owner: str, adapter: str) -> str:
        """The adapter as a zip file for its owner to fetch; raises `AdapterError`."""
        card = self._adapters.get(owner, adapter)
        self._quota.check_disk((card.folder / WEIGHTS).stat().st_size)
        with _still_there(card), disk_full_as_error():
            return str(export_zip(card, _new_folder(self._data, owner, _ADAPTER), hub_id(card.base_model)))

    async def whole(self, owner: str, adapter: str) -> AsyncGenerator[float | str, None]:
        """Put the whole model together; yields the share that is done, and at last the zip for its owner to fetch.

        Raises `AdapterError`, also for one of another model, and `BusyError`. Closing the iterator ends the work; only
        a finished zip stays.
        """
        card = self._adapters.get(owner, adapter)
        self._adapters.check_base(card)
        base_id = hub_id(card.base_model)
        folder = _new_folder(self._data, owner, _WHOLE)
        out = folder / f"{file_name(card)}-whole-model.zip"
        try:
            with _still_there(card):
                async with aclosing(self._whole_models.make(self._host.info.folder, card.folder, out)) as shares:
                    async for share in shares:
                        yield share
                with disk_full_as_error(), zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
                    archive.writestr(README, model_card(card, base_id, merged=True))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        yield str(out)

    def sizes(self, card: AdapterInfo) -> tuple[int, int]:
        """The bytes that the adapter alone and the whole model take."""
        info = self._host.info
        # in 16 bits, where it is stored in 4
        return (card.folder / WEIGHTS).stat().st_size, max(info.weights_bytes, 2 * info.num_parameters)


@contextmanager
def _still_there(card: AdapterInfo) -> Iterator[None]:
    """Say of an adapter that was deleted meanwhile what has become of it, and not which of its files is missing."""
    try:
        yield
    except (AdapterError, FileNotFoundError) as error:
        if not card.folder.exists():
            raise AdapterError(
                "There is no adapter '{adapter}' any more. Choose another.", adapter=card.name
            ) from error
        raise


def sweep(downloads: Path, now: float) -> None:
    """Remove what has been there for an hour, and all but the newest adapters and finished whole models."""
    made = sorted((_made(folder), folder) for kind in (_ADAPTER, _WHOLE) for folder in downloads.glob(f"*/{kind}*"))
    old = {folder for at, folder in made if now - at > KEPT_S}
    finished = [folder for _, folder in made if folder.name.startswith(_WHOLE) and any(folder.glob("*.zip"))]
    for folder in old.union(finished[:-MAX_MERGED_MODELS], _beyond(MAX_ADAPTER_DOWNLOAD_BYTES, made)):
        shutil.rmtree(folder, ignore_errors=True)


def _beyond(most: int, made: list[tuple[float, Path]]) -> Iterator[Path]:
    """The adapters that came before the newest ones of so many bytes in all."""
    for _, folder in sorted(made, reverse=True):
        if folder.name.startswith(_ADAPTER):
            with suppress(FileNotFoundError):  # swept for another visitor just now
                most -= sum(path.stat().st_size for path in folder.glob("*.zip"))
            if most < 0:
                yield folder


def _made(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # swept for another visitor just now
        return 0.0


def _new_folder(data: DataDir, owner: str, kind: str) -> Path:
    sweep(data.downloads, time.time())
    folder = data.to_fetch(owner) / (kind + secrets.token_hex(16))
    with disk_full_as_error():
        folder.mkdir(parents=True)
    return folder
