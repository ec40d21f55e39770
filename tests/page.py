"""Builds the real page over a real model, the starter by default; what `python app.py` adds is to serve it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gradio as gr

from playground.adapters.store import AdapterStore
from playground.engine.llm_engine import start_engine
from playground.models.loader import load_model
from playground.models.tokenizer import build_tokenizer
from playground.protocol.client import Live
from playground.service.owners import Owners
from playground.service.publishing import Base, handover
from playground.service.services import Services
from playground.training.jobs.queue import JobQueue
from playground.ui.page import build_page


@contextmanager
def build_real_page(data_dir: Path) -> Iterator[gr.Blocks]:
    with real_services(data_dir) as services:
        yield build_page(services)


@contextmanager
def real_services(data_dir: Path, model: str = "starter") -> Iterator[Services]:
    """All that the page stands on; ended at the end."""
    loaded = load_model(model, "auto")
    tokenizer = build_tokenizer(loaded)
    engine = start_engine(loaded, tokenizer)
    base = Base(loaded.name, str(loaded.folder), "4bit", loaded.fingerprint, loaded.model.num_parameters())
    store = AdapterStore(data_dir)
    live = Live(engine, tokenizer)
    jobs = JobQueue(data_dir, handover(live, store, base))
    try:
        yield Services(live, base, store, jobs, Owners(data_dir, "local"), data_dir)
    finally:
        jobs.close()
        engine.close()
