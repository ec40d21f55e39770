"""Data by name: what a set of the hub holds, and some of its rows as a file of whoever asked for them."""

import re
from dataclasses import dataclass
from typing import Any

from huggingface_hub.utils import build_hf_headers

from playground.data.table import MAX_ROWS
from playground.errors import InputError
from playground.models.hub_dataset import dataset_facts
from playground.protocol.hub_dataset import HubDataset, HubSplit
from playground.sandbox.limits import Limits
from playground.sandbox.sandbox import Sandbox
from playground.service.owners import Owners, check_known
from playground.service.reading.dataset import DatasetFile
from playground.service.reading.hub_rows import FetchedRows, fetch_rows
from playground.service.uploads import Uploads
from playground.threads import network

ROWS = 1_000
"""Taken where nobody says how many."""
MAX_NAME_CHARS = 120
LIMITS = Limits(cpu_s=120, wall_s=240.0)


@dataclass(frozen=True, slots=True)
class HubChoice:
    """Which rows of which set; "" stands for the first configuration, and for the split to train on."""

    dataset: str
    configuration: str = ""
    split: str = ""
    rows: int = ROWS

    def check(self) -> None:
        """Raise `InputError` for what can be no choice."""
        if not self.dataset.strip() or len(self.dataset) > MAX_NAME_CHARS:
            raise InputError("Write the name of a set of the hub, as in rajpurkar/squad.")
        if not 1 < self.rows <= MAX_ROWS:
            raise InputError("rows must be a whole number from 2 to {limit}.", limit=f"{MAX_ROWS:,}")


class HubDatasets:
    """Asks the configured hub only. Visitors of a public page ask it as somebody whom it does not know: what the
    operator's token may read is not theirs."""

    def __init__(self, uploads: Uploads, sandbox: Sandbox, owners: Owners, public: bool) -> None:
        """`sandbox` is one of its own, so that a slow network keeps nobody's uploads waiting."""
        self._uploads, self._sandbox, self._owners = uploads, sandbox, owners
        self._token = False if public else None

    async def facts(self, choice: HubChoice) -> HubDataset:
        """What there is to choose from; nothing of it is fetched. Raises `InputError`, `DataError`."""
        choice.check()
        return await network.run(dataset_facts, choice.dataset.strip(), self._token)

    async def fetch(self, owner: str, choice: HubChoice) -> tuple[DatasetFile, FetchedRows]:
        """Take rows, as a file that the owner has sent, with its quota; raises `InputError`, `DataError`."""
        check_known(owner)
        found = await self.facts(choice)
        configuration, split = found.find(choice.configuration, choice.split)
        name = _file_name(found, configuration.name, split)
        upload = await self._uploads.begin(owner, self._owners.address(owner))
        try:
            upload.folder.mkdir(parents=True)
            headers = build_hf_headers(token=self._token)
            asked = (found.id, split, choice.rows, upload.folder, name, headers)
            fetched = await self._sandbox.run(owner, fetch_rows, *asked)
            self._uploads.grow(upload, fetched.path.stat().st_size)
        except BaseException:
            upload.size = 0
            raise
        finally:
            await self._uploads.end(upload)
        return DatasetFile(fetched.path, fetched.path.name), fetched

    def close(self) -> None:
        self._sandbox.close()


def facts_as_api(found: HubDataset) -> dict[str, Any]:
    """For programs."""
    return {
        "dataset": found.id,
        "license": found.license,
        "gated": found.gated,
        "configurations": [
            {
                "name": one.name,
                "splits": [
                    {"name": split.name, "rows": split.rows or None, "bytes": split.size, "kind": split.kind}
                    for split in one.splits
                ],
            }
            for one in found.configurations
        ],
    }


def _file_name(found: HubDataset, configuration: str, split: HubSplit) -> str:
    parts = [found.id.split("/")[-1], "" if configuration == "default" else configuration, split.name]
    return re.sub(r"[^\w.-]+", "-", " ".join(filter(None, parts)))[:MAX_NAME_CHARS]
