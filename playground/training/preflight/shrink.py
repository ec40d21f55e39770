"""Which values to try next when a run takes too much memory: those that change least of what is trained come first."""

from collections.abc import Iterator

from playground.training.config import TrainingConfig
from playground.training.setting import Shrink, settings
from playground.validation import bounds

SPARE = 1.1
"""A run must find this many times the memory that its trial took."""


def fits(peak_bytes: float, free_bytes: float) -> bool:
    """Whether a run that took so much in its trial finds enough."""
    return peak_bytes * SPARE <= free_bytes


def candidates(config: TrainingConfig, longest: int = 0) -> Iterator[TrainingConfig]:
    """Ever smaller configs: each setting that can give way does so, in its turn, until it can no more.

    `longest` is the longest row in tokens, where it is known: a `max_length` beyond it takes nothing.
    """
    giving_way = [(name, setting.shrink) for name, setting in settings(type(config)).items() if setting.shrink]
    for name, shrink in sorted(giving_way, key=lambda item: item[1].turn):
        value = getattr(config, name)
        if name == "max_length" and longest:
            value = min(value, longest)
        while (smaller := _smaller(value, shrink)) != value:
            value = smaller
            config = config.model_copy(update={name: value, **_beside(config, shrink)})
            yield config


def changes(before: TrainingConfig, after: TrainingConfig) -> list[tuple[str, object, object]]:
    """(field, before, after) of what differs."""
    pairs = [(name, getattr(before, name), getattr(after, name)) for name in type(before).model_fields]
    return [(name, old, new) for name, old, new in pairs if old != new]


def _smaller(value: int, shrink: Shrink) -> int:
    if isinstance(value, bool):
        return shrink.to
    return max(shrink.to, value // 2) if value > shrink.to else value


def _beside(config: TrainingConfig, shrink: Shrink) -> dict[str, float]:
    """What changes along, within its bounds."""
    changed: dict[str, float] = {}
    for name, factor in ((shrink.halves, 0.5), (shrink.doubles, 2)):
        if name:
            value = getattr(config, name) * factor
            least, most = bounds(type(config).model_fields[name])
            changed[name] = value if least is None or most is None else max(least, min(most, value))
    return changed
