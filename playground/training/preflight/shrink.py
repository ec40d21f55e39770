"""Which values to try next when a run takes too much memory: those that change least of what is learnt come first."""

from collections.abc import Iterator
from dataclasses import fields, replace

from playground.training.spec import TrainingConfig

SPARE = 1.1
"""A run must find this many times the memory that its trial took."""
SHORTEST = 64
LOWEST_RANK = 4
_MAX_ACCUMULATION = 256


def fits(peak_bytes: float, free_bytes: float) -> bool:
    """Whether a run that took so much in its trial finds enough."""
    return peak_bytes * SPARE <= free_bytes


def smaller(values: TrainingConfig, longest: int = 0) -> Iterator[TrainingConfig]:
    """Ever smaller values: first the batch, made up for by accumulation, then checkpointing, then length and rank.

    `longest` is the longest row in tokens, where it is known: a `max_length` beyond it takes nothing.
    """
    while values.per_device_train_batch_size > 1:
        values = replace(
            values,
            per_device_train_batch_size=values.per_device_train_batch_size // 2,
            gradient_accumulation_steps=min(_MAX_ACCUMULATION, values.gradient_accumulation_steps * 2),
        )
        yield values
    if not values.gradient_checkpointing:
        values = replace(values, gradient_checkpointing=True)
        yield values
    length = min(values.max_length, longest or values.max_length)
    while length > SHORTEST:
        length = max(SHORTEST, length // 2)
        values = replace(values, max_length=length)
        yield values
    while values.r > LOWEST_RANK:
        values = replace(values, r=max(LOWEST_RANK, values.r // 2), lora_alpha=values.lora_alpha / 2)
        yield values


def changes(before: TrainingConfig, after: TrainingConfig) -> list[tuple[str, object, object]]:
    """(field, before, after) of what differs."""
    names = [field.name for field in fields(before)]
    return [
        (name, getattr(before, name), getattr(after, name))
        for name in names
        if getattr(before, name) != getattr(after, name)
    ]
