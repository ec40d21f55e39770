"""Builds the real page over a real model, the starter by default; what `python app.py` adds is to serve it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gradio as gr

from playground.adapters.store import AdapterStore
from playground.data_dir import DataDir
from playground.engine.host import LocalModelHost
from playground.models.loader import load_model
from playground.service.owners import Owners
from playground.service.publishing import handover
from playground.service.services import Services
from playground.training.jobs.queue import JobQueue
from playground.training.preflight.client import Preflight
from playground.ui.page import build_page


@contextmanager
def build_real_page(data_dir: Path) -> Iterator[gr.Blocks]:
    with real_services(data_dir) as services:
        yield build_page(services)


@contextmanager
def real_services(data_dir: Path, model: str = "starter") -> Iterator[Services]:
    """All that the page stands on; ended at the end."""
    data = DataDir(data_dir)
    host, store = LocalModelHost(load_model(model, "auto")), AdapterStore(data)
    preflight = Preflight(data.trials)
    jobs = JobQueue(data, handover(host, store, preflight))
    try:
        yield Services(host, store, jobs, Owners(data, "local"), data, preflight)
    finally:
        jobs.close()
        host.close()
