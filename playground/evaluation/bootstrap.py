"""How far a difference between two models on the same rows can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from playground.evaluation.summed import Summed

DRAWS = 1000
FEWEST_ROWS = 5
"""With fewer, drawing rows again says nothing about rows that nobody has seen."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A measure of the base and of the adapter over `rows` rows; `low` to `high` holds 95% of what adapter minus base
    comes to when the rows are drawn again."""

    name: str
    base: float
    adapter: float
    low: float
    high: float
    rows: int
    lower_is_better: bool = False

    @property
    def better(self) -> bool:
        """Whether the adapter is better beyond chance."""
        return self._sure and (self.high < 0 if self.lower_is_better else self.low > 0)

    @property
    def worse(self) -> bool:
        return self._sure and (self.low > 0 if self.lower_is_better else self.high < 0)

    @property
    def _sure(self) -> bool:
        return self.rows >= FEWEST_ROWS

    def to_dict(self) -> dict[str, object]:
        """The shape of a report's `measures`."""
        values = {name: round(getattr(self, name), 3) for name in ("base", "adapter", "low", "high")}
        return {"name": self.name, **values, "rows": self.rows}


def difference(
    measure: Summed, base: Sequence[Any], adapter: Sequence[Any], wanted: Sequence[Any], seed: int = 0
) -> Difference:
    """Measure both over the same rows, with a paired bootstrap: each draw takes the same rows for both.

    Source: Koehn, "Statistical Significance Tests for Machine Translation Evaluation", 2004.
    """
    rows = len(wanted)
    counts = [measure.counts(given, wanted) for given in (base, adapter)]
    drawn = np.random.default_rng(seed).multinomial(rows, np.full(rows, 1 / rows), size=DRAWS).astype(np.float64)
    without, with_it = (measure.value(drawn @ count) for count in counts)
    low, high = np.percentile(with_it - without, [2.5, 97.5])
    before, after = (float(measure.value(count.sum(axis=0))) for count in counts)
    return Difference(measure.name, before, after, float(low), float(high), rows, measure.lower_is_better)


def gains(measure: Summed, base: Sequence[Any], adapter: Sequence[Any], wanted: Sequence[Any]) -> list[float]:
    """How much better the adapter does on each row by itself; below 0 where it does worse."""
    without, with_it = (measure.value(measure.counts(given, wanted)) for given in (base, adapter))
    sign = -1.0 if measure.lower_is_better else 1.0
    return [float(gain) for gain in sign * (with_it - without)]
