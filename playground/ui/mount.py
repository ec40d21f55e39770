"""Puts the page on the web application."""

import os
from collections.abc import Callable

import gradio as gr
from fastapi import FastAPI
from gradio.utils import get_space
from starlette.middleware import Middleware

from playground.service.services import Services
from playground.ui.api import endpoints
from playground.ui.event_queue import EventQueue
from playground.ui.gradio_patches import patch_gradio
from playground.ui.i18n import I18N
from playground.ui.ownership import OwnershipMiddleware, bind_to_owners
from playground.ui.page_scripts import STATIC, PageScriptsMiddleware
from playground.ui.sessions import Sessions
from playground.ui.theme import build_theme

STYLES = ("style.css", "finetune.css", "compare.css", "corrections.css", "models.css", "yours.css")


def mount_page(app: FastAPI, page: gr.Blocks, services: Services) -> Callable[[], None]:
    """Serve a page at "/", below whatever routes `app` has by now.

    Returns what ends the streams to open pages, which stay open by themselves.
    """
    quota = services.quota
    patch_gradio(quota)
    bind_to_owners(services.owners, services.uploads)
    sessions = Sessions(page)
    page._queue = calls = EventQueue(page, services.owners, sessions, endpoints.HAPPEN)
    owned = Middleware(OwnershipMiddleware, owners=services.owners, calls=calls)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=build_theme(),
        css_paths=[STATIC / name for name in STYLES],
        i18n=I18N,
        app_kwargs={"middleware": [Middleware(PageScriptsMiddleware), owned]},
        footer_links=["api", "settings"],
        # The browser's bound; the server asks the quota for each kind of file.
        max_file_size=max(quota.max_zip_bytes(), quota.max_dataset_bytes()),
        show_error=True,
        ssr_mode=False,
        enable_monitoring=False,
        run_history=False,
        pwa=get_space() is not None,
        # As `launch` takes them from the environment.
        root_path=os.environ.get("GRADIO_ROOT_PATH", ""),
    )
    gradio_app = app.routes[-1].app
    gradio_app.state_holder = page.state_holder = sessions

    def end_streams() -> None:
        """As `Blocks.close` does for a page that it has launched itself."""
        calls.close()
        page.is_running = False
        gradio_app.stop_event.set()

    return end_streams
