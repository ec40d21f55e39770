"""How fast requests that came together were answered, whoever answered them; imports nothing that one side lacks."""

from collections.abc import Sequence
from dataclasses import dataclass

Progress = Sequence[tuple[float, int]]
"""Of one request, as its reader saw it: when, and how many tokens there were by then."""


@dataclass(frozen=True, slots=True)
class Answered:
    total_s: float
    """From asking to the last token of all."""
    num_tokens: int
    steady_tokens_per_s: float
    """Of all together while all write, so without reading the prompts; 0 where they never do."""

    @property
    def tokens_per_s(self) -> float:
        return self.num_tokens / self.total_s


def answered(began: float, progress: Sequence[Progress]) -> Answered:
    """All write from when the last has its first token until the first has its last one."""
    start, end = max(one[0][0] for one in progress), min(one[-1][0] for one in progress)
    windows = [[seen for seen in one if start <= seen[0] <= end] for one in progress]
    return Answered(
        total_s=max(one[-1][0] for one in progress) - began,
        num_tokens=sum(one[-1][1] for one in progress),
        steady_tokens_per_s=sum(map(_rate, windows)) if all(windows) else 0.0,
    )


def _rate(window: Progress) -> float:
    """By one reader's own clock, so that it does not matter in which order the readers of a step are told."""
    (start, before), (end, after) = window[0], window[-1]
    return (after - before) / (end - start) if end > start else 0.0
