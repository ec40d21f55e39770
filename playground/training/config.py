"""How to train, in the names of PEFT and TRL.

A setting is one field of `TrainingConfig`: its form field, the parameter of `/train`, its check, its entry in a run's
spec and the trainer's argument all follow from it.
"""

import math
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated, Literal, Self

from pydantic import Field

from playground.errors import InputError
from playground.training.setting import ConfigContext, Names, Setting, SettingsModel, Shrink
from playground.validation import Number, Whole, validate

MIN_LENGTH = 8
REPORTERS = ("tensorboard", "wandb", "trackio")
"""Where a run's figures can be sent, each by the package of that name."""
_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj", "c_attn", "query_key_value")


def installed_reporters() -> list[str]:
    """Those of `REPORTERS` whose package is there."""
    return [name for name in REPORTERS if find_spec(name) is not None]


def _attention(context: ConfigContext) -> list[str]:
    """The layers of attention as this model calls them."""
    names = ",".join(name for name in _ATTENTION if name in context.linear_modules)
    return [names] if names else []


TARGETS = Names("all-linear", allowed=lambda context: sorted(context.linear_modules), offered=_attention)
TRACKERS = Names("none", allowed=lambda _context: REPORTERS, offered=lambda _context: installed_reporters())


def _check_steps(steps: int, _context: ConfigContext | None) -> None:
    if steps == 0:
        raise InputError("{field} is 0. Use -1 for no limit, or at least 1.", field="max_steps")


def _check_length(length: int, context: ConfigContext | None) -> None:
    if context is not None and length > context.context_length:
        raise InputError(
            "{field} is {value}, but this model reads at most {most} tokens at a time. Use {least} to {most}.",
            field="max_length",
            value=length,
            least=MIN_LENGTH,
            most=context.context_length,
        )


def _check_installed(names: str, context: ConfigContext | None) -> None:
    for name in TRACKERS.as_list(names) if context else ():
        if find_spec(name) is None:
            raise InputError(
                "{field} names {value}, which is not installed here. Install it with pip, or choose another.",
                field="report_to",
                value=name,
            )


class TrainingConfig(SettingsModel):
    """How to train. What is known of a setting stands at its field and nowhere else."""

    epochs: Annotated[
        Number,
        Setting(
            "How long and how fast",
            "How often it reads the whole file.",
            to="sft",
            argument="num_train_epochs",
            affects="time",
            advanced=False,
        ),
    ] = Field(3.0, ge=0.01, le=1000)
    max_steps: Annotated[
        Whole,
        Setting(
            "How long and how fast",
            "Ends after so many steps; -1: no limit.",
            to="sft",
            affects="time",
            check=_check_steps,
            advanced=False,
        ),
    ] = Field(-1, ge=-1, le=1_000_000)
    r: Annotated[
        Whole,
        Setting(
            "How much may change",
            "Size of the adapter.",
            to="lora",
            affects="memory",
            shrink=Shrink(4, to=4, halves="lora_alpha"),
            advanced=False,
        ),
    ] = Field(16, ge=1, le=256)
    lora_alpha: Annotated[
        Number, Setting("How much may change", "How strongly it acts; often 2 × r.", to="lora", advanced=False)
    ] = Field(32.0, ge=0.1, le=1024)
    lora_dropout: Annotated[
        Number, Setting("How much may change", "Forgets at random, against memorizing.", to="lora", affects="memory")
    ] = Field(0.0, ge=0.0, le=0.9)
    target_modules: Annotated[
        str,
        Setting(
            "How much may change",
            "The layers that it changes.",
            to="lora",
            passed=lambda names: TARGETS.as_list(names) or names,
            affects="memory",
            choices=TARGETS,
        ),
    ] = TARGETS.alone
    use_rslora: Annotated[bool, Setting("How much may change", "Steadier with a large r.", to="lora")] = False
    learning_rate: Annotated[
        Number, Setting("How long and how fast", "How far each step goes.", to="sft", advanced=False)
    ] = Field(2e-4, ge=1e-7, le=0.1)
    per_device_train_batch_size: Annotated[
        Whole,
        Setting(
            "How much at a time",
            "Examples at a time.",
            to="sft",
            affects="memory",
            shrink=Shrink(1, to=1, doubles="gradient_accumulation_steps"),
        ),
    ] = Field(8, ge=1, le=256)
    gradient_accumulation_steps: Annotated[
        Whole, Setting("How much at a time", "Batches before each step.", to="sft", affects="memory")
    ] = Field(1, ge=1, le=256)
    max_length: Annotated[
        Whole,
        Setting(
            "How much at a time",
            "Tokens of an example; the rest is cut off.",
            to="sft",
            affects="memory",
            shrink=Shrink(3, to=64),
            check=_check_length,
            advanced=False,
        ),
    ] = Field(512, ge=MIN_LENGTH, le=131_072)
    lr_scheduler_type: Annotated[
        Literal["linear", "cosine", "constant_with_warmup"],
        Setting("How long and how fast", "How the learning rate falls.", to="sft"),
    ] = "cosine"
    warmup_ratio: Annotated[
        Number,
        Setting(
            "How long and how fast",
            "Share of the steps to begin gently.",
            to="sft",
            argument="warmup_steps",  # below 1 it is a share of all steps
        ),
    ] = Field(0.05, ge=0.0, le=0.5)
    weight_decay: Annotated[Number, Setting("How long and how fast", "Pulls weights towards zero.", to="sft")] = Field(
        0.0, ge=0.0, le=1.0
    )
    completion_only_loss: Annotated[
        bool, Setting("What counts", "Learns the answers alone, not the questions.", to="sft", affects="time")
    ] = True
    packing: Annotated[
        bool, Setting("How much at a time", "Several short examples in one row.", to="sft", affects="memory")
    ] = False
    gradient_checkpointing: Annotated[
        bool,
        Setting(
            "How much at a time",
            "Less memory, more time.",
            to="sft",
            argument="activation_checkpointing",  # its name in transformers 5
            affects="memory",
            shrink=Shrink(2, to=True),
        ),
    ] = False
    neftune_noise_alpha: Annotated[
        Number,
        Setting(
            "What counts",
            "Noise on what it reads; 0: none.",
            to="sft",
            passed=lambda alpha: alpha or None,
            affects="memory",
        ),
    ] = Field(0.0, ge=0.0, le=100.0)
    early_stopping_patience: Annotated[
        Whole,
        Setting(
            "How long and how fast",
            "Stops by itself after so many measurements without progress; 0: never.",
        ),
    ] = Field(2, ge=0, le=1000)
    seed: Annotated[Whole, Setting("What counts", "The same seed, the same run.", to="sft")] = Field(
        0, ge=0, le=2**31 - 1
    )
    report_to: Annotated[
        str,
        Setting(
            "What counts",
            "Where to send the curves.",
            to="sft",
            passed=TRACKERS.as_list,
            choices=TRACKERS,
            check=_check_installed,
            local_only=True,
        ),
    ] = TRACKERS.alone

    def updated(self, given: Mapping[str, object], context: ConfigContext) -> Self:
        """With what a person or a program has chosen; None is not chosen. Raises `InputError` naming the field.

        A `max_length` that nobody has chosen is cut to what the model reads.
        """
        for name in given:
            if name not in type(self).model_fields:
                raise InputError("There is no training setting called {field}.", field=name)
        chosen = {name: value for name, value in given.items() if value is not None}
        checked = validate(type(self), chosen, context)
        length = min(self.max_length, context.context_length)
        return self.model_copy(update={"max_length": length} | {name: getattr(checked, name) for name in chosen})

    def total_steps(self, rows: int, processes: int = 1) -> int:
        """How many optimizer steps a run over this many rows takes; packed, the rows are those after packing."""
        if self.max_steps > 0:
            return self.max_steps
        batches = -(-rows // (self.per_device_train_batch_size * processes))
        steps_an_epoch = max(1, -(-batches // self.gradient_accumulation_steps))
        return max(1, math.ceil(self.epochs * steps_an_epoch))
