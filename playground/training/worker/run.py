"""One training run as the trainer sees it, and when it ends by itself."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from datasets import Dataset

from playground.training.config import TrainingConfig
from playground.training.jobs.checkpoints import Checkpoint
from playground.training.jobs.events import Event
from playground.training.worker.distributed import world_size

NUM_EVALS = 6
MIN_EVALS = 3
"""At least, or stopping early could not be decided."""
EVALS_SHARE = 0.1
"""Of a run's time, what measurements beyond those may take."""
_EVAL_COST = 0.4
"""Of a row to measure on, against one to learn from: there is no way back through the model."""
MAX_EVAL_STEPS = 200
_STATE_FILE = "trainer_state.json"

StopReason = Literal["completed", "early_stopping", "interrupted"]
"""How training ended: all steps were taken, the held-out loss fell no more, or somebody asked."""


class NoTimeError(Exception):
    """There is no time left to measure."""


@dataclass(frozen=True, slots=True)
class Run:
    """What `train` needs. `on_event` is told of progress; `stop` is asked after every step whether to end early,
    `pace` is called before every batch and sees to the number of threads. Where it `has_no_time`, a run that stops is
    saved as it is, and not measured any more."""

    values: TrainingConfig
    train_rows: Dataset
    held_out_rows: Dataset | None
    folder: Path
    on_event: Callable[[Event], None]
    stop: Callable[[], bool]
    resume_from: Checkpoint | None = None
    num_evals: int = NUM_EVALS
    name: str = ""
    pace: Callable[[], None] = lambda: None
    has_no_time: Callable[[], bool] = lambda: False

    @property
    def total_steps(self) -> int:
        return self.values.total_steps(len(self.train_rows), world_size())

    @property
    def eval_steps(self) -> int:
        """Steps from one measurement and checkpoint to the next."""
        affordable = self.num_evals
        if self.held_out_rows:
            batch = self.values.per_device_train_batch_size * self.values.gradient_accumulation_steps * world_size()
            visits = self.total_steps * min(batch, len(self.train_rows))
            affordable = int(EVALS_SHARE * visits / (_EVAL_COST * len(self.held_out_rows)))
        num_evals = min(self.num_evals, max(MIN_EVALS, affordable))
        return min(math.ceil(self.total_steps / num_evals), MAX_EVAL_STEPS)

    def is_enough(self, history: Iterable[Mapping[str, Any]]) -> bool:
        """Whether the held-out loss did not fall in the newest measurements, so that going on would only memorize.

        Decided from the logged history alone, which every checkpoint keeps, and without measurements that only a stop
        brought about: a resumed run decides as one in one piece.
        """
        patience = self.values.early_stopping_patience
        losses = [
            entry["eval_loss"] for entry in history if "eval_loss" in entry and entry["step"] % self.eval_steps == 0
        ]
        return 0 < patience < len(losses) and min(losses[-patience:]) >= min(losses[:-patience])

    def ended_at(self, checkpoint: Checkpoint) -> StopReason | None:
        """How the run ended at this checkpoint; None where steps are left."""
        if checkpoint.step >= self.total_steps:
            return "completed"
        state = json.loads((checkpoint.folder / _STATE_FILE).read_text(encoding="utf-8"))
        return "early_stopping" if self.is_enough(state["log_history"]) else None
