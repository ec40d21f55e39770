"""The page: the bar, a tab for each task, Fine-tune and Adapters."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import gradio as gr

from playground.service.services import Services
from playground.tasks.base import Task
from playground.tasks.registry import all_tasks
from playground.ui import header, tabs
from playground.ui.api import endpoints
from playground.ui.components import model_binding
from playground.ui.components.adapter_picker import AdapterPicker
from playground.ui.components.basics import owning_tab
from playground.ui.finetune import tab as finetune_tab
from playground.ui.i18n import t
from playground.ui.tabs import adapters, corrections, generic, runs, yours
from playground.ui.tabs.corrections import CorrectionsPanel

UPLOADS_KEPT = (3600, 24 * 3600)
"""Once an hour, uploads and downloads older than a day are removed."""


def build_page(services: Services) -> gr.Blocks:
    """Everything that a visitor sees, and the public API beside it; the model is not asked for before a page loads."""
    with gr.Blocks(title="LLM Playground", fill_width=True, delete_cache=UPLOADS_KEPT) as page:
        frame = header.build()
        choice = frame.choice
        panel: CorrectionsPanel | None = None
        with gr.Tabs(elem_id="pages", overflow_behavior="wrap") as pages:
            for task in all_tasks().values():
                with gr.Tab(t(task.title), id=task.name):
                    panel = build_view(services, choice, task) or panel
            with gr.Tab(t("Fine-tune"), id="finetune", alignment="right"):
                chat = panel.chat if panel else None
                finetune_page, review = finetune_tab.build(services, choice, pages, chat)
            with gr.Tab(t("Adapters"), id="adapters", alignment="right"):
                adapters.build(services, choice.picker, frame.changed)
                runs.build(services, owning_tab())
                yours.build(services)
        if services.owners.mode == "public":
            gr.Markdown(t("[Terms](terms)"), elem_classes="terms")
        if panel:
            corrections.send_to_finetune(finetune_page, panel, review)
        header.wire(services, page, frame)
        model_binding.wire(services, page, [page.load, frame.changed.click])
        endpoints.build(services)
    return page


def build_view(services: Services, choice: AdapterPicker, task: Task[Any]) -> CorrectionsPanel | None:
    """Draw a task's own view, `ui/tabs/<its name>.py`, else the generic one; returns what leads on to Fine-tune."""
    own = f"{tabs.__name__}.{task.name}"
    if find_spec(own) is None:
        generic.build(services, choice, task)
        return None
    found: CorrectionsPanel | None = import_module(own).build(services, choice)
    return found
