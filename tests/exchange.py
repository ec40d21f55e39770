"""A page's services around a live tiny model, without the page: what import and export go through."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playground.adapters.store import AdapterStore
from playground.data_dir import DataDir
from playground.engine.host import LocalModelHost
from playground.models.loader import LoadedModel
from playground.service.owners import Owners
from playground.service.publishing import handover
from playground.service.services import Services
from playground.training.jobs.queue import JobQueue
from playground.training.preflight.client import Preflight


@contextmanager
def running_services(loaded: LoadedModel, data_dir: Path) -> Iterator[Services]:
    """As a start of the app makes them, from what the data folder holds."""
    data = DataDir(data_dir)
    data.move_old_layout()
    data.sweep()
    host, store, preflight = LocalModelHost(loaded), AdapterStore(data), Preflight(data.trials)
    jobs = JobQueue(data, handover(host, store, preflight))
    try:
        yield Services(host, store, jobs, Owners(data, "public"), data, preflight)
    finally:
        jobs.close()
        host.close()


def as_kept_earlier(data: DataDir, owner: str) -> Path:
    """Put an owner's adapters where earlier versions kept them: under a hash of the owner. Returns that folder."""
    old = data.root / hashlib.sha256(owner.encode()).hexdigest()[:32] / "adapters"
    old.parent.mkdir()
    data.adapters(owner).rename(old)
    data.owner(owner).rmdir()
    return old
