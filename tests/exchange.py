"""A page's services around a live tiny model, without the page: what import and export go through."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playground.adapters.store import AdapterStore
from playground.engine.llm_engine import start_engine
from playground.models.loader import LoadedModel
from playground.models.tokenizer import build_tokenizer
from playground.protocol.client import Live
from playground.service.owners import Owners
from playground.service.publishing import Base, handover
from playground.service.services import Services
from playground.training.jobs.queue import JobQueue


@contextmanager
def running_services(loaded: LoadedModel, data_dir: Path) -> Iterator[Services]:
    tokenizer = build_tokenizer(loaded)
    engine = start_engine(loaded, tokenizer)
    base = Base(loaded.name, str(loaded.folder), "none", loaded.fingerprint, loaded.model.num_parameters())
    store, live = AdapterStore(data_dir), Live(engine, tokenizer)
    jobs = JobQueue(data_dir, handover(live, store, base))
    downloads = data_dir / "uploads" / "downloads"
    downloads.mkdir(parents=True)
    try:
        yield Services(live, base, store, jobs, Owners(data_dir, "public"), downloads)
    finally:
        jobs.close()
        engine.close()
