"""The page: the bar, a tab for each task, Fine-tune and Adapters."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from playground.server.middleware.body_limits import BodyLimitMiddleware
from playground.server.middleware.owner_cookie import OwnerCookieMiddleware
from playground.service.services import Services
from playground.tasks.registry import all_tasks
from playground.ui import header as bar
from playground.ui.api import endpoints as api
from playground.ui.components.compare import AdapterPicker
from playground.ui.early_script import EarlyScriptMiddleware
from playground.ui.finetune import tab as finetune_tab
from playground.ui.i18n import I18N, t
from playground.ui.tabs import adapters as adapters_tab
from playground.ui.tabs import answer as answer_tab
from playground.ui.tabs import generate as generate_tab
from playground.ui.tabs import generic as task_tab
from playground.ui.tabs import sentiment as sentiment_tab
from playground.ui.tabs import summarize as summarize_tab
from playground.ui.tabs import translate as translate_tab
from playground.ui.tabs.corrections import CorrectionsPanel
from playground.ui.theme import build_theme

STYLES = ("style.css", "finetune.css", "compare.css", "corrections.css")
UPLOADS_KEPT = (3600, 24 * 3600)
"""Once an hour, uploads and downloads older than a day are removed."""

VIEWS: dict[str, Callable[[Services, AdapterPicker], CorrectionsPanel | None]] = {
    "generate": generate_tab.build,
    "translate": translate_tab.build,
    "summarize": summarize_tab.build,
    "sentiment": sentiment_tab.build,
    "answer": answer_tab.build,
}
"""Tasks with a view of their own, which may hold a note that leads on to Fine-tune; any other gets the generic tab."""


def build_page(services: Services) -> gr.Blocks:
    """Everything that a visitor sees, and the public API beside it."""
    with gr.Blocks(title="LLM Playground", fill_width=True, delete_cache=UPLOADS_KEPT) as page:
        choice = bar.build(services)
        note: CorrectionsPanel | None = None
        with gr.Tabs(elem_id="pages", overflow_behavior="wrap") as tabs:
            for task in all_tasks().values():
                with gr.Tab(t(task.title), id=task.name):
                    if task.name in VIEWS:
                        note = VIEWS[task.name](services, choice) or note
                    else:
                        task_tab.build(services, choice, task)
            with gr.Tab(t("Fine-tune"), id="finetune", alignment="right"):
                finetune_tab.build(services, choice.picker, tabs, note)
            with gr.Tab(t("Adapters"), id="adapters", alignment="right"):
                adapters_tab.build(services, choice.picker, tabs)
        bar.wire(services, page, choice)
        api.build(services)
    return page


def launch_options(services: Services) -> dict[str, Any]:
    """What `launch` needs beside address and port."""
    here = Path(__file__).parent / "static"
    middleware = [
        Middleware(BodyLimitMiddleware, owners=services.owners, uploads=services.uploads),
        Middleware(EarlyScriptMiddleware),
        Middleware(OwnerCookieMiddleware, owners=services.owners),
    ]
    return {
        "theme": build_theme(),
        "css": "\n".join((here / name).read_text(encoding="utf-8") for name in STYLES),
        "i18n": I18N,
        "app_kwargs": {"middleware": middleware},
        "footer_links": ["api", "settings"],
        "ssr_mode": False,
        "quiet": True,
        "show_error": True,
    }
