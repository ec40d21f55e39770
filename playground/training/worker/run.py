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
MAX_EVAL_STEPS = 200
_STATE_FILE = "trainer_state.json"

StopReason = Literal["completed", "early_stopping", "interrupted"]
"""How training ended: all steps were taken, the held-out loss fell no more, or somebody asked."""


@dataclass(frozen=True, slots=True)
class Run:
    """What `train` needs. `on_event` is told of progress; `stop` is asked after every step whether to end early."""

    values: TrainingConfig
    train_rows: Dataset
    held_out_rows: Dataset | None
    folder: Path
    on_event: Callable[[Event], None]
    stop: Callable[[], bool]
    resume_from: Checkpoint | None = None
    num_evals: int = NUM_EVALS
    name: str = ""

    @property
    def total_steps(self) -> int:
        return self.values.total_steps(len(self.train_rows), world_size())

    @property
    def eval_steps(self) -> int:
        """Steps from one measurement and checkpoint to the next."""
        return min(math.ceil(self.total_steps / self.num_evals), MAX_EVAL_STEPS)

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
