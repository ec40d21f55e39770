"""Whether a run's settings suit the model that is loaded."""

from playground.errors import InputError
from playground.protocol.model import ModelInfo
from playground.training.config import TARGETS, TrainingConfig


def fitting_defaults(values: TrainingConfig, info: ModelInfo) -> TrainingConfig:
    """The values, with so small a rank that the adapter fits beside the live model: many experts make a large one."""
    a_rank = sum(info.lora_widths.get(name, 0) for name in _targets(values, info))
    if not info.max_adapter_numbers or values.r * a_rank <= info.max_adapter_numbers:
        return values
    r = max(1, info.max_adapter_numbers // a_rank)
    return values.model_copy(update={"r": r, "lora_alpha": 2.0 * r})


def check_dropout(values: TrainingConfig, info: ModelInfo) -> None:
    """Raise `InputError` for dropout on experts: they are one parameter, before which PEFT has no place for it."""
    experts = [name for name in _targets(values, info) if name in info.expert_parameters]
    if values.lora_dropout and experts:
        raise InputError(
            "lora_dropout does not work on experts ({names}). Set it to 0, or choose target_modules without them.",
            names=", ".join(experts),
        )


def check_rank(values: TrainingConfig, info: ModelInfo) -> None:
    """Raise `InputError` for an adapter that could be taught and then not be held beside the live model."""
    a_rank = sum(info.lora_widths.get(name, 0) for name in _targets(values, info))
    if not info.max_adapter_numbers or values.r * a_rank <= info.max_adapter_numbers:
        return
    raise InputError(
        "With r at {rank}, the adapter would not fit beside the model that answers. Set r to {most} at most, or choose "
        "fewer target_modules.",
        rank=values.r,
        most=info.max_adapter_numbers // a_rank,
    )


def _targets(values: TrainingConfig, info: ModelInfo) -> list[str]:
    every = values.target_modules == TARGETS.alone
    return list(info.lora_widths) if every else TARGETS.as_list(values.target_modules)
