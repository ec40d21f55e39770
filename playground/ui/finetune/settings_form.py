"""Fine-tune, step 3: every training value, under its own name, behind "Advanced settings"."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import gradio as gr

from playground.protocol.model import ModelInfo
from playground.sentence import N_
from playground.service.services import Services
from playground.training.config import installed_reporters
from playground.training.spec import ALL_LINEAR, NOWHERE, Schedule, TrainingConfig
from playground.ui.components.basics import caption, html
from playground.ui.components.model_binding import bind
from playground.ui.i18n import t

GROUPS: Mapping[str, Mapping[str, str]] = {
    N_("How much may change"): {
        "r": N_("Size of the adapter."),
        "lora_alpha": N_("How strongly it acts; often 2 × r."),
        "lora_dropout": N_("Forgets at random, against memorizing."),
        "target_modules": N_("The layers that it changes."),
        "use_rslora": N_("Steadier with a large r."),
    },
    N_("How long and how fast"): {
        "epochs": N_("How often it reads the whole file."),
        "max_steps": N_("Ends after so many steps; -1: no limit."),
        "learning_rate": N_("How far each step goes."),
        "lr_scheduler_type": N_("How the learning rate falls."),
        "warmup_ratio": N_("Share of the steps to begin gently."),
        "weight_decay": N_("Pulls weights towards zero."),
        "early_stopping_patience": N_("Stops by itself after so many measurements without progress; 0: never."),
    },
    N_("How much at a time"): {
        "per_device_train_batch_size": N_("Examples at a time."),
        "gradient_accumulation_steps": N_("Batches before each step."),
        "max_length": N_("Tokens of an example; the rest is cut off."),
        "packing": N_("Several short examples in one row."),
        "gradient_checkpointing": N_("Less memory, more time."),
    },
    N_("What counts"): {
        "completion_only_loss": N_("Learns the answers alone, not the questions."),
        "neftune_noise_alpha": N_("Noise on what it reads; 0: none."),
        "seed": N_("The same seed, the same run."),
        "report_to": N_("Where to send the curves."),
    },
}
"""Each field with what it does, in a line."""
_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj", "c_attn", "query_key_value")


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


def build(services: Services) -> Advanced:
    """Draw the accordion; values come with the file."""
    fields: dict[str, gr.components.Component] = {}
    with gr.Accordion(t("Advanced settings"), open=False):
        caption("These suit this model, this file and the choice above.")
        for group, known in GROUPS.items():
            html('<div class="sub">%s</div>', group)
            with gr.Row(elem_classes="numbers"):
                for name, info in known.items():
                    if name != "report_to" or services.owners.mode == "local":
                        fields[name] = _field(name, info)
    bind(fields["target_modules"], lambda info, _: gr.Dropdown(choices=_targets(info)))
    return Advanced(fields)


def _field(name: str, info: str) -> gr.components.Component:
    common: dict[str, Any] = {"label": name, "info": t(info), "interactive": True}
    choices = {
        "target_modules": [ALL_LINEAR],
        "lr_scheduler_type": list(get_args(Schedule)),
        "report_to": [NOWHERE, *installed_reporters()],
    }
    default = getattr(TrainingConfig(), name)
    if name in choices:
        free = name != "lr_scheduler_type"
        return gr.Dropdown(choices[name], value=default, allow_custom_value=free, elem_classes="pill", **common)
    if isinstance(default, bool):
        return gr.Checkbox(default, **common)
    return gr.Number(default, **common)


def _targets(info: ModelInfo) -> list[str]:
    """All layers, or those of attention as this model calls them; others can be written in."""
    attention = ",".join(name for name in _ATTENTION if name in info.linear_modules)
    return [ALL_LINEAR, attention] if attention else [ALL_LINEAR]
