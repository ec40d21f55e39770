"""Which training settings suit a model and a file."""

from dataclasses import dataclass
from typing import Literal, get_args

from playground.errors import InputError
from playground.training.config import TrainingConfig
from playground.validation import shown

Intensity = Literal["light", "normal", "thorough"]
TINY_PARAMETERS = 50_000_000
SMALL_PARAMETERS = 500_000_000
FEW_ROWS = 30
"""So few rows are seen twice as often: on 20 of a manner SmolLM2 135M reaches a held-out loss of 3.45 in three epochs
and of 3.22 in six, on 20 moods 0.31 and 0.20; of 60 rows or more a manner gains nothing by it, and is learnt by heart.
Source: `python -m tests.bench.defaults`."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What an intensity means for a size of model."""

    row_visits: int
    least_epochs: float
    most_epochs: float
    r: int
    learning_rate: float
    batch: int


# `row_visits` is how often any row is seen in all: a run over a small file sees each row often, one over a large file
# ends. Measured on the bundled model and 128 rows: the held-out loss is lowest after about 600 visits, and a rank of
# 16 learns as well as one of 32.
_TINY: dict[Intensity, _Shape] = {
    "light": _Shape(300, 1, 8, 16, 5e-3, 8),
    "normal": _Shape(640, 2, 20, 16, 5e-3, 8),
    "thorough": _Shape(1600, 3, 40, 32, 3e-3, 8),
}
# SmolLM2 135M on 122 rows, held-out loss from 4.95: batches of 4 at 2e-4 reach 2.81 in 124 steps, batches of 8 at 1e-3
# reach 2.77 in 48, where it is lowest.
_SMALL: dict[Intensity, _Shape] = {
    "light": _Shape(200, 1, 2, 8, 1e-3, 8),
    "normal": _Shape(600, 2, 3, 16, 1e-3, 8),
    "thorough": _Shape(2000, 3, 8, 32, 5e-4, 8),
}
# Qwen2.5-Coder 0.5B on 95 rows, held-out loss from 5.65: 2e-4 reaches 3.15 in the third epoch and falls still, 5e-4
# reaches 3.15 in the second and learns by heart in the third (3.26).
_LARGE: dict[Intensity, _Shape] = {
    "light": _Shape(200, 1, 2, 8, 2e-4, 4),
    "normal": _Shape(600, 2, 3, 16, 2e-4, 8),
    "thorough": _Shape(2000, 3, 5, 32, 1e-4, 8),
}


def defaults_for(
    parameters: int, rows: int, intensity: Intensity = "normal", context_length: int = 512
) -> TrainingConfig:
    """Choose values that suit a model of that many parameters and a file of that many rows."""
    if intensity not in get_args(Intensity):
        raise InputError(
            "{field} cannot be {value}. Use one of: {allowed}.",
            field="intensity",
            value=shown(intensity),
            allowed=", ".join(get_args(Intensity)),
        )
    by_size = _TINY if parameters < TINY_PARAMETERS else _SMALL if parameters < SMALL_PARAMETERS else _LARGE
    shape = by_size[intensity]
    few = rows <= FEW_ROWS and parameters >= TINY_PARAMETERS
    most_epochs = shape.most_epochs * (2 if few else 1)
    epochs = min(max(shape.row_visits / max(rows, 1), shape.least_epochs), most_epochs)
    return TrainingConfig(
        epochs=float(round(epochs)),
        r=shape.r,
        lora_alpha=2.0 * shape.r,
        learning_rate=shape.learning_rate,
        max_length=min(512 if parameters < SMALL_PARAMETERS else 1024, context_length),
        per_device_train_batch_size=shape.batch,
    )
