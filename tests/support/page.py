"""Builds the real page over a real model, the tests' tiny one by default; what `python app.py` adds is to serve it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import gradio as gr

from playground.models.loader import load_model
from playground.server.app import create_app
from playground.server.serve import Server, bind
from playground.service.services import Services
from playground.ui.mount import mount_page
from playground.ui.page import build_page
from tests.support.asking import until
from tests.support.exchange import make_settings, running_services
from tests.support.running_app import free_port
from tests.support.tiny_model import TINY


@contextmanager
def build_real_page(data_dir: Path) -> Iterator[gr.Blocks]:
    with real_services(data_dir) as services:
        yield build_page(services)


@contextmanager
def served_page(services: Services, page: gr.Blocks | None = None, trusted_proxies: int = 0) -> Iterator[Server]:
    """The page, served by this process at `Server.url`."""
    app = create_app(services, trusted_proxies=trusted_proxies)
    end_streams = mount_page(app, page or build_page(services), services)
    settings = replace(make_settings(Path()), server_port=free_port())
    sockets = bind(settings)
    server = Server(app, f"http://127.0.0.1:{settings.server_port}/", [end_streams], trusted_proxies)
    thread = threading.Thread(target=server.run, args=(sockets,))
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        assert server.started
        yield server
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def real_services(data_dir: Path, model: str = str(TINY)) -> Iterator[Services]:
    """All that the page stands on; ended at the end."""
    with running_services(load_model(model, "auto"), data_dir, "local") as services:
        yield services
