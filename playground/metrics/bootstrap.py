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
    """A metric of the base and of the adapter over `rows` rows; `ci_low` to `ci_high` holds 95% of what adapter minus
    base comes to when the rows are drawn again. `p_value` is how often so large a difference comes about when it is
    left to a coin, row by row, which of the two gave which answer."""

    name: str
    base: float
    adapter: float
    ci_low: float
    ci_high: float
    rows: int
    lower_is_better: bool = False
    p_value: float = 0.0

    @property
    def better(self) -> bool:
        """Whether the adapter is better beyond chance."""
        return self._sure and (self.ci_high < 0 if self.lower_is_better else self.ci_low > 0)

    @property
    def worse(self) -> bool:
        return self._sure and (self.ci_low > 0 if self.lower_is_better else self.ci_high < 0)

    @property
    def _sure(self) -> bool:
        # Over few rows the interval is too narrow: four right answers more of twenty would pass for progress.
        return self.rows >= MIN_PAIRED_ROWS and self.p_value <= ALPHA

    def to_dict(self) -> dict[str, object]:
        """The shape of a report's `measures`."""
        return {
            "name": self.name,
            "base": round(self.base, 3),
            "adapter": round(self.adapter, 3),
            "low": round(self.ci_low, 3),
            "high": round(self.ci_high, 3),
            "rows": self.rows,
            "chance": round(self.p_value, 3),
            "better": self.better,
            "worse": self.worse,
        }


def paired_difference(
    metric: CorpusMetric, base: Sequence[Any], adapter: Sequence[Any], references: Sequence[Any], seed: int = 0
) -> PairedDifference:
    """Score the predictions of both over the same rows: a paired bootstrap for the interval, an approximate
    randomization test for `p_value`.

    Source: Koehn, "Statistical Significance Tests for Machine Translation Evaluation", 2004; for `p_value`, Riezler and
    Maxwell, "On Some Pitfalls in Automatic Evaluation and Significance Testing for MT", 2005.
    """
    rows, random = len(references), np.random.default_rng(seed)
    statistics = [metric.statistics(predictions, references) for predictions in (base, adapter)]
    before, after = (float(metric.score(one.sum(axis=0))) for one in statistics)
    drawn = random.multinomial(rows, np.full(rows, 1 / rows), size=NUM_RESAMPLES).astype(np.float64)
    without, with_it = (metric.score(drawn @ one) for one in statistics)
    ci_low, ci_high = np.percentile(with_it - without, [2.5, 97.5])
    coins = random.integers(0, 2, size=(NUM_RESAMPLES, rows)).astype(np.float64)
    one, other = (metric.score(coins @ mine + (1 - coins) @ its) for mine, its in (statistics, statistics[::-1]))
    as_large = np.abs(one - other) >= abs(after - before) * (1 - 1e-9)
    return PairedDifference(
        metric.name,
        before,
        after,
        float(ci_low),
        float(ci_high),
        rows,
        metric.lower_is_better,
        p_value=(1 + int(as_large.sum())) / (1 + NUM_RESAMPLES),
    )


def gains(metric: CorpusMetric, base: Sequence[Any], adapter: Sequence[Any], references: Sequence[Any]) -> list[float]:
    """How much better the adapter does on each row by itself; below 0 where it does worse."""
    without, with_it = (metric.score(metric.statistics(predictions, references)) for predictions in (base, adapter))
    sign = -1.0 if metric.lower_is_better else 1.0
    return [float(gain) for gain in sign * (with_it - without)]
