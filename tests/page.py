"""Builds the real page over a real model, the starter by default; what `python app.py` adds is to serve it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gradio as gr

from playground.adapters.store import AdapterStore
from playground.engine.live import start_engine
from playground.models.codec import codec_for
from playground.models.loader import load_model
from playground.protocol import Live
from playground.training.handover import Base, handover
from playground.training.jobs import Jobs
from playground.ui.owners import Owners
from playground.ui.page import build_page
from playground.ui.services import Services


@contextmanager
def build_real_page(data_dir: Path) -> Iterator[gr.Blocks]:
    with real_services(data_dir) as services:
        yield build_page(services)


@contextmanager
def real_services(data_dir: Path, model: str = "starter") -> Iterator[Services]:
    """All that the page stands on; ended at the end."""
    loaded = load_model(model, "auto")
    codec = codec_for(loaded)
    engine = start_engine(loaded, codec)
    base = Base(loaded.name, str(loaded.folder), "4bit", loaded.fingerprint, loaded.model.num_parameters())
    store = AdapterStore(data_dir)
    live = Live(engine, codec)
    jobs = Jobs(data_dir, handover(live, store, base))
    try:
        yield Services(live, base, store, jobs, Owners(data_dir, "local"), data_dir)
    finally:
        jobs.close()
        engine.close()
