"""All that is measured of an adapter after a training, as its card keeps it."""

from collections.abc import Sequence
from dataclasses import dataclass

from playground.data.examples import Example
from playground.evaluation.baseline_cache import BaselineCache
from playground.evaluation.forgetting import TaskScore, measure_forgetting
from playground.evaluation.held_out import Compared, compare
from playground.evaluation.paired import Clients
from playground.evaluation.verdict import TrainingCurve, verdict
from playground.protocol.client import SamplingClient


@dataclass(frozen=True, slots=True)
class Report:
    compared: Compared | None
    skills: Sequence[TaskScore]
    curve: TrainingCurve

    def to_dict(self) -> dict[str, object]:
        """As JSON: `verdict` (plain sentences), `measures` (the one that fits best first), `confusion`, `rows` (the
        worst and the best), `skills`, `best_step`, `step`."""
        found = self.compared
        main = found.differences[0] if found else None
        return {
            "verdict": [sentence.to_plain() for sentence in verdict(main, self.curve, self.skills)],
            "measures": [difference.to_dict() for difference in found.differences] if found else [],
            "confusion": found.confusion if found else None,
            "rows": list(found.rows) if found else [],
            "skills": [skill.to_dict() for skill in self.skills],
            "best_step": self.curve.best,
            "step": self.curve.step,
        }

    def figures(self) -> dict[str, object]:
        """The main metric alone, for the card's metrics; empty where nothing was measured."""
        if self.compared is None:
            return {}
        main = self.compared.differences[0]
        return {
            "measure": main.name,
            "measured_rows": main.rows,
            "score_before": round(main.base, 2),
            "score_after": round(main.adapter, 2),
        }


async def measure(
    clients: Clients,
    held_out: Sequence[Example],
    train_examples: Sequence[Example],
    curve: TrainingCurve,
    cache: BaselineCache,
    format: str = "",
    skilled: SamplingClient | None = None,
) -> Report:
    """Compare on rows that were set aside, read as `format`, then on the tasks; each within its own time.

    On the rows the base model is the one that a visitor knows, so `skilled` where it has a skill for them; on the tasks
    it is the weights that were trained on, since a skill of its own is not touched by the training.
    """
    compared = await compare((skilled or clients[0], clients[1]), held_out, train_examples, format)
    return Report(compared, await measure_forgetting(clients, cache), curve)
