"""Fine-tune, step 3: every training value, under its own name, behind "Advanced settings"."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import gradio as gr
from pydantic.fields import FieldInfo

from playground.protocol.model import ModelInfo
from playground.service.services import Services
from playground.training.config import TrainingConfig
from playground.training.setting import ConfigContext, Group, Names, Setting, settings
from playground.ui.components.basics import caption, html
from playground.ui.components.model_binding import bind
from playground.ui.i18n import t
from playground.validation import choices


@dataclass(frozen=True)
class Advanced:
    """The components by field."""

    fields: Mapping[str, gr.components.Component]

    @property
    def components(self) -> list[gr.components.Component]:
        return list(self.fields.values())

    def given(self, values: Mapping[Any, Any]) -> dict[str, Any]:
        """What stands in them, from an event's inputs."""
        return {name: values[component] for name, component in self.fields.items()}

    def showing(self, values: TrainingConfig) -> list[Any]:
        """These values, in the order of `components`."""
        return [getattr(values, name) for name in self.fields]


def build(services: Services, config_class: type[TrainingConfig] = TrainingConfig) -> Advanced:
    """Draw the accordion; values come with the file."""
    fields: dict[str, gr.components.Component] = {}
    with gr.Accordion(t("Advanced settings"), open=False):
        caption("These suit this model, this file and the choice above.")
        for group in get_args(Group):
            html('<div class="sub">%s</div>', group)
            with gr.Row(elem_classes="numbers"):
                for name, setting in settings(config_class).items():
                    if setting.group == group and (services.owners.mode == "local" or not setting.local_only):
                        fields[name] = _field(name, config_class.model_fields[name], setting)
    return Advanced(fields)


def field_id(name: str) -> str:
    """The id of a setting's field on the page."""
    return f"once-{name}"


def _field(name: str, info: FieldInfo, setting: Setting) -> gr.components.Component:
    common: dict[str, Any] = {
        "elem_id": field_id(name),
        "label": name,
        "info": t(setting.help),
        "value": info.default,
        "interactive": True,
    }
    if setting.choices:
        names = setting.choices
        drawn = gr.Dropdown([names.alone], allow_custom_value=True, elem_classes="pill", **common)
        bind(drawn, lambda model, _: gr.Dropdown(choices=_offered(names, model)))
        return drawn
    if info.annotation is bool:
        return gr.Checkbox(**common)
    if fixed := choices(info):
        return gr.Dropdown([str(choice) for choice in fixed], elem_classes="pill", **common)
    return gr.Number(**common)


def _offered(names: Names, model: ModelInfo) -> list[str]:
    """What may be chosen with the loaded model; others can be written in."""
    return [names.alone, *names.offered(ConfigContext(model.context_length, model.lora_modules))]
