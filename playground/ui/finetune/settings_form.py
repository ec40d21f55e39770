"""Fine-tune, step 3: every training value, under its own name, behind "Advanced settings"."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import gradio as gr
from pydantic.fields import FieldInfo

from playground.service.services import Services
from playground.training.config import TrainingConfig
from playground.training.setting import ConfigContext, Group, Setting, settings
from playground.ui.components.basics import caption, html
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
                        fields[name] = _field(services, name, config_class.model_fields[name], setting)
    return Advanced(fields)


def _field(services: Services, name: str, info: FieldInfo, setting: Setting) -> gr.components.Component:
    common: dict[str, Any] = {"label": name, "info": t(setting.help), "value": info.default, "interactive": True}
    if setting.choices:
        context = ConfigContext(services.models.info.context_length, services.models.info.linear_modules)
        offered = [setting.choices.alone, *setting.choices.offered(context)]
        return gr.Dropdown(offered, allow_custom_value=True, elem_classes="pill", **common)
    if info.annotation is bool:
        return gr.Checkbox(**common)
    if fixed := choices(info):
        return gr.Dropdown([str(choice) for choice in fixed], elem_classes="pill", **common)
    return gr.Number(**common)
