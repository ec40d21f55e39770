"""Builds the real page over a real model, the starter by default; what `python app.py` adds is to serve it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gradio as gr

from playground.models.loader import load_model
from playground.service.services import Services
from playground.ui.page import build_page
from tests.exchange import running_services


@contextmanager
def build_real_page(data_dir: Path) -> Iterator[gr.Blocks]:
    with real_services(data_dir) as services:
        yield build_page(services)


@contextmanager
def real_services(data_dir: Path, model: str = "starter") -> Iterator[Services]:
    """All that the page stands on; ended at the end."""
    with running_services(load_model(model, "auto"), data_dir, "local") as services:
        yield services
