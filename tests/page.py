"""Builds the real page over a real model, the starter by default; what `python app.py` adds is to serve it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gradio as gr

from playground.adapters.store import AdapterStore
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
    host, store = LocalModelHost(load_model(model, "auto")), AdapterStore(data_dir)
    preflight = Preflight(data_dir)
    jobs = JobQueue(data_dir, handover(host, store, preflight))
    try:
        yield Services(host, store, jobs, Owners(data_dir, "local"), data_dir, preflight)
    finally:
        jobs.close()
        host.close()
