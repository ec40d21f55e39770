"""One tab for any task, drawn from its fields: what a task without a view of its own gets."""

import json
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from playground.protocol.client import SamplingClient
from playground.service.services import Services
from playground.tasks.base import Field, Task
from playground.ui.api.shapes import as_api
from playground.ui.components.basics import caption, ghost
from playground.ui.components.compare import AdapterPicker, answers, split
from playground.ui.errors import show_errors
from playground.ui.events import chips, copy_from, run_and_stop_buttons, wire
from playground.ui.i18n import t


def build(services: Services, choice: AdapterPicker, task: Task) -> None:
    """Draw the tab and bind its events."""
    result_id = f"{task.name}-result"
    with gr.Row(elem_classes=["work"]):
        with gr.Column(elem_classes=["card"], scale=1):
            inputs = [_input(task, field) for field in task.fields]
            with gr.Row(elem_classes=["foot", "rule"]):
                caption()
                buttons = run_and_stop_buttons(task.action, task.name)
        with gr.Column(elem_classes=["card"], scale=1):
            result = split(choice, lambda elem_id: _output(task, elem_id), result_id, copied="textarea")
            with gr.Row(elem_classes=["foot", "rule"]):
                caption()
                ghost("Copy", elem_classes=["alone"]).click(None, js=copy_from(f"#{result_id} textarea"))
    names = [field.name for field in task.fields]

    @show_errors
    async def run(request: gr.Request, *values: Any) -> AsyncIterator[Any]:
        who, given = values[:3], dict(zip(names, values[3:], strict=True))

        def ask(client: SamplingClient) -> AsyncIterator[Any]:
            return task.run(client, **given)

        async for found in answers(services, request, who, ask):
            yield found.drawn(_as_text)

    wire([buttons[0].click], buttons, run, [*choice.inputs, *inputs], result.outputs)
    chips(task.examples, inputs, names)


def _as_text(found: Any) -> str:
    shown = as_api(found)
    return shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False, indent=2)


def _output(task: Task, elem_id: str) -> gr.Textbox:
    return gr.Textbox(
        label=t(task.title),
        show_label=False,
        container=False,
        lines=6,
        interactive=False,
        placeholder=t(task.empty),
        elem_id=elem_id,
        elem_classes=["fill"],
    )


def _input(task: Task, field: Field) -> Any:
    options: dict[str, Any] = {"label": t(field.label), "elem_id": f"{task.name}-{field.name}"}
    if field.kind == "choice":
        choices = [(t(choice), choice) for choice in field.choices]
        return gr.Dropdown(choices, value=field.default, interactive=True, elem_classes=["pill"], **options)
    lines = 1 if field.kind == "line" else 6
    return gr.Textbox(
        field.default, lines=lines, placeholder=t(field.placeholder) if field.placeholder else None, **options
    )
