"""How far a difference between two models on the same rows can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from playground.metrics.corpus import CorpusMetric

NUM_RESAMPLES = 1000
MIN_PAIRED_ROWS = 6
"""With fewer, chance alone makes all of them better or all of them worse more often than `ALPHA`."""
ALPHA = 0.05
"""A difference that chance brings more often than this is not called one."""


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """A measure of the base and of the adapter over `rows` rows; `low` to `high` holds 95% of what adapter minus base
    comes to when the rows are drawn again. `chance`, 0 to 1, is how often so large a difference comes about when it is
    left to a coin, row by row, which of the two gave which answer."""

    name: str
    base: float
    adapter: float
    low: float
    high: float
    rows: int
    lower_is_better: bool = False
    chance: float = 0.0

    @property
    def better(self) -> bool:
        """Whether the adapter is better beyond chance."""
        return self._sure and (self.high < 0 if self.lower_is_better else self.low > 0)

    @property
    def worse(self) -> bool:
        return self._sure and (self.low > 0 if self.lower_is_better else self.high < 0)

    @property
    def _sure(self) -> bool:
        # Over few rows the interval is too narrow: four right answers more of twenty would pass for progress.
        return self.rows >= MIN_PAIRED_ROWS and self.chance <= ALPHA

    def to_dict(self) -> dict[str, object]:
        """The shape of a report's `measures`."""
        values = {name: round(getattr(self, name), 3) for name in ("base", "adapter", "low", "high")}
        judged = {"chance": round(self.chance, 3), "better": self.better, "worse": self.worse}
        return {"name": self.name, **values, "rows": self.rows, **judged}


def difference(
    measure: CorpusMetric, base: Sequence[Any], adapter: Sequence[Any], wanted: Sequence[Any], seed: int = 0
) -> PairedDifference:
    """Measure both over the same rows, with a paired bootstrap: each draw takes the same rows for both.

    Source: Koehn, "Statistical Significance Tests for Machine Translation Evaluation", 2004; for `chance`, Riezler and
    Maxwell, "On Some Pitfalls in Automatic Evaluation and Significance Testing for MT", 2005.
    """
    rows, draws = len(wanted), np.random.default_rng(seed)
    counts = [measure.counts(given, wanted) for given in (base, adapter)]
    drawn = draws.multinomial(rows, np.full(rows, 1 / rows), size=NUM_RESAMPLES).astype(np.float64)
    without, with_it = (measure.value(drawn @ count) for count in counts)
    low, high = np.percentile(with_it - without, [2.5, 97.5])
    before, after = (float(measure.value(count.sum(axis=0))) for count in counts)
    coins = draws.integers(0, 2, size=(NUM_RESAMPLES, rows)).astype(np.float64)
    one, other = (measure.value(coins @ mine + (1 - coins) @ theirs) for mine, theirs in (counts, counts[::-1]))
    as_large = np.abs(one - other) >= abs(after - before) * (1 - 1e-9)
    chance = (1 + int(as_large.sum())) / (1 + NUM_RESAMPLES)
    return PairedDifference(measure.name, before, after, float(low), float(high), rows, measure.lower_is_better, chance)


def gains(measure: CorpusMetric, base: Sequence[Any], adapter: Sequence[Any], wanted: Sequence[Any]) -> list[float]:
    """How much better the adapter does on each row by itself; below 0 where it does worse."""
    without, with_it = (measure.value(measure.counts(given, wanted)) for given in (base, adapter))
    sign = -1.0 if measure.lower_is_better else 1.0
    return [float(gain) for gain in sign * (with_it - without)]
