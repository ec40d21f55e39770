"""One tab for any task, drawn from its fields: what a task without a view of its own gets."""

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import gradio as gr

from playground.i18n.catalog import Gettext
from playground.protocol.client import SamplingClient
from playground.protocol.model import ModelInfo
from playground.service.services import Services
from playground.tasks.base import Task
from playground.tasks.inputs import Ask
from playground.ui.components.adapter_picker import AdapterPicker
from playground.ui.components.basics import caption, ghost
from playground.ui.components.compare import answers, split
from playground.ui.components.examples import chips
from playground.ui.components.model_binding import bind, bind_value
from playground.ui.components.run_button import run_and_stop_buttons, wire
from playground.ui.errors import errors_under
from playground.ui.events import in_browser
from playground.ui.i18n import t


def build(services: Services, choice: AdapterPicker, task: Task[Any]) -> None:
    """Draw the tab and bind its events."""
    result_id = f"{task.name}-result"
    with gr.Row(elem_classes=["work"]):
        with gr.Column(elem_classes=["card"], scale=1):
            inputs = [_input(task, name, ask) for name, ask in task.Inputs.asked().items()]
            with gr.Row(elem_classes=["foot", "rule"]):
                caption()
                buttons = run_and_stop_buttons(task.action, task.name)
        with gr.Column(elem_classes=["card"], scale=1):
            result = split(choice, lambda elem_id: _output(task, elem_id), result_id, copied="textarea")
            with gr.Row(elem_classes=["foot", "rule"]):
                caption()
                ghost("Copy", elem_classes=["alone"]).click(None, js=in_browser("copy", f"#{result_id} textarea"))
    names = list(task.Inputs.asked())

    @errors_under(fields={name: f"{task.name}-{name}" for name in names})
    async def run(request: gr.Request, *values: Any) -> AsyncIterator[Any]:
        who, given = values[:3], dict(zip(names, values[3:], strict=True))

        def ask(client: SamplingClient) -> AsyncIterator[Any]:
            return task.ask(client, **given)

        async for found in answers(services, request, who, ask, task=task.name):
            yield found.drawn(lambda output: output.to_text())

    wire([buttons[0].click], buttons, run, [*choice.inputs, *inputs], result.outputs)
    chips(task.examples, inputs, names, buttons[0])


def _output(task: Task[Any], elem_id: str) -> gr.Textbox:
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


def _input(task: Task[Any], name: str, ask: Ask) -> Any:
    options: dict[str, Any] = {"label": t(ask.label), "elem_id": f"{task.name}-{name}"}
    choices = task.Inputs.choices(name)
    if not choices and ask.choices is None:
        placeholder = t(ask.placeholder) if ask.placeholder else None
        return gr.Textbox(lines=1 if ask.line else 6, placeholder=placeholder, **options)
    named = [(t(choice), choice) for choice in choices]
    value = _chosen(task, name, choices) if choices else None
    drawn = gr.Dropdown(named, value=value, interactive=True, elem_classes=["pill"], **options)
    if ask.choices is not None:
        bind(drawn, partial(_offered, task, name))
        bind_value(drawn, lambda info, _: _chosen(task, name, task.Inputs.choices(name, info)))
    return drawn


def _offered(task: Task[Any], name: str, info: ModelInfo, gettext: Gettext) -> gr.Dropdown:
    return gr.Dropdown(choices=[(gettext(choice), choice) for choice in task.Inputs.choices(name, info)])


def _chosen(task: Task[Any], name: str, choices: Sequence[str]) -> Any:
    default = task.Inputs.model_fields[name].get_default()
    return default if default in choices else choices[0]
