"""The page: the bar, a tab for each task, Fine-tune and Adapters."""

from collections.abc import Callable

import gradio as gr

from playground.service.services import Services
from playground.tasks.registry import all_tasks
from playground.ui import header as bar
from playground.ui.api import endpoints as api
from playground.ui.components.compare import AdapterPicker
from playground.ui.finetune import tab as finetune_tab
from playground.ui.i18n import t
from playground.ui.tabs import adapters as adapters_tab
from playground.ui.tabs import answer as answer_tab
from playground.ui.tabs import generate as generate_tab
from playground.ui.tabs import generic as task_tab
from playground.ui.tabs import sentiment as sentiment_tab
from playground.ui.tabs import summarize as summarize_tab
from playground.ui.tabs import translate as translate_tab
from playground.ui.tabs.corrections import CorrectionsPanel

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
