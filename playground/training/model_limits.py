"""Whether a run's settings suit the model that is loaded."""

from playground.errors import InputError
from playground.protocol.model import ModelInfo
from playground.training.config import TARGETS, TrainingConfig


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
