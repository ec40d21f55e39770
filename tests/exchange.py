"""A page's services around a live tiny model, without the page: what import and export go through."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playground.adapters.store import AdapterStore
from playground.engine.host import LocalModelHost
from playground.models.loader import LoadedModel
from playground.service.owners import Owners
from playground.service.publishing import handover
from playground.service.services import Services
from playground.training.jobs.queue import JobQueue
from playground.training.preflight.client import Preflight


@contextmanager
def running_services(loaded: LoadedModel, data_dir: Path) -> Iterator[Services]:
    host, store, preflight = LocalModelHost(loaded), AdapterStore(data_dir), Preflight(data_dir)
    jobs = JobQueue(data_dir, handover(host, store, preflight))
    downloads = data_dir / "uploads" / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    try:
        yield Services(host, store, jobs, Owners(data_dir, "public"), downloads, preflight)
    finally:
        jobs.close()
        host.close()
