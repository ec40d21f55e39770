"""Which training values are allowed, and which suit a model and a file."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from importlib.util import find_spec
from typing import Any, Literal, get_args

from playground.errors import InputError
from playground.training.spec import ALL_LINEAR, NOWHERE, Schedule, TrainingConfig

Intensity = Literal["light", "normal", "thorough"]
TINY_PARAMETERS = 50_000_000
SMALL_PARAMETERS = 500_000_000


@dataclass(frozen=True, slots=True)
class Range:
    """Least and most of a value, both allowed; `whole` for whole numbers."""

    least: float
    most: float
    whole: bool = False


RANGES: dict[str, Range] = {
    "epochs": Range(0.01, 1000),
    "max_steps": Range(-1, 1_000_000, whole=True),
    "r": Range(1, 256, whole=True),
    "lora_alpha": Range(0.1, 1024),
    "lora_dropout": Range(0.0, 0.9),
    "learning_rate": Range(1e-7, 0.1),
    "max_length": Range(8, 131_072, whole=True),
    "per_device_train_batch_size": Range(1, 256, whole=True),
    "gradient_accumulation_steps": Range(1, 256, whole=True),
    "warmup_ratio": Range(0.0, 0.5),
    "weight_decay": Range(0.0, 1.0),
    "neftune_noise_alpha": Range(0.0, 100.0),
    "early_stopping_patience": Range(0, 1000, whole=True),
    "seed": Range(0, 2**31 - 1, whole=True),
}
_CHOICES: dict[str, tuple[object, ...]] = {
    "lr_scheduler_type": get_args(Schedule),
    "completion_only_loss": (True, False),
    "packing": (False, True),
    "gradient_checkpointing": (False, True),
    "use_rslora": (False, True),
}
REPORTERS = ("tensorboard", "wandb", "trackio")
"""Where a run's figures can be sent, each by the package of that name."""


def check_spec_values(
    given: Mapping[str, object], defaults: TrainingConfig, context_length: int, layers: Collection[str] = ()
) -> TrainingConfig:
    """Check values that a person or a program chose; what is None or not given comes from `defaults`.

    `max_length` may not go beyond `context_length`, and `target_modules` must be among `layers`, the names of the
    model's linear layers. Raises `InputError` naming the field and what it may be.
    """
    known = {field.name for field in fields(TrainingConfig)}
    chosen: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise InputError("There is no training setting called {field}.", field=name)
        if value is not None:
            chosen[name] = _checked(name, value, layers)
    values = replace(defaults, **chosen)
    if values.max_steps == 0:
        raise InputError("{field} is 0. Use -1 for no limit, or at least 1.", field="max_steps")
    if "max_length" in chosen and values.max_length > context_length:
        raise InputError(
            "{field} is {value}, but this model reads at most {most} tokens at a time. Use {least} to {most}.",
            field="max_length",
            value=values.max_length,
            least=int(RANGES["max_length"].least),
            most=context_length,
        )
    return replace(values, max_length=min(values.max_length, context_length))


def installed_reporters() -> list[str]:
    """Those of `REPORTERS` whose package is there."""
    return [name for name in REPORTERS if find_spec(name) is not None]


def _checked(name: str, value: object, layers: Collection[str]) -> object:
    if name == "target_modules":
        return _several(name, value, ALL_LINEAR, sorted(layers))
    if name == "report_to":
        chosen = _several(name, value, NOWHERE, REPORTERS)
        for reporter in chosen.split(","):
            if reporter != NOWHERE and find_spec(reporter) is None:
                raise InputError(
                    "{field} names {value}, which is not installed here. Install it with pip, or choose another.",
                    field=name,
                    value=reporter,
                )
        return chosen
    return _choice(name, value) if name in _CHOICES else _number(name, value)


def _several(name: str, value: object, alone: str, allowed: Collection[str]) -> str:
    """`alone`, or names out of `allowed` with commas between, each once. PEFT's own lists of names will do too."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        parts = [_short(value)]
    names = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if names == [alone]:
        return alone
    choices = {"alone": alone, "allowed": ", ".join(allowed)}
    if not names:
        raise InputError("{field} is empty. Use {alone}, or some of: {allowed}.", field=name, **choices)
    if alone in names:
        raise InputError(
            "{field} names {alone} and others beside it. Use {alone} by itself, or some of: {allowed}.",
            field=name,
            **choices,
        )
    for unknown in names:
        if unknown not in allowed:
            raise InputError(
                "{field} cannot be {value}. Use {alone}, or some of: {allowed}.",
                field=name,
                value=_short(unknown),
                **choices,
            )
    return ",".join(names)


def _number(name: str, value: object) -> float | int:
    allowed = RANGES[name]
    least, most = (_plain(bound) for bound in (allowed.least, allowed.most))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError("{field} is not a number. Use {least} to {most}.", field=name, least=least, most=most)
    whole = isinstance(value, int) or (math.isfinite(value) and value.is_integer())
    if not _within(value, allowed):
        raise InputError(
            "{field} is {value}. Use {least} to {most}.", field=name, value=_short(value), least=least, most=most
        )
    if allowed.whole and not whole:
        raise InputError(
            "{field} is {value}. Use a whole number from {least} to {most}.",
            field=name,
            value=_short(value),
            least=least,
            most=most,
        )
    return int(value) if allowed.whole else float(value)


def _within(value: float, allowed: Range) -> bool:
    # NaN compares false with everything, and an int may be too large to become a float.
    return allowed.least <= value <= allowed.most


def _choice(name: str, value: object) -> object:
    for allowed in _CHOICES[name]:
        if type(value) is type(allowed) and value == allowed:
            return allowed
    raise InputError(
        "{field} cannot be {value}. Use one of: {allowed}.",
        field=name,
        value=_short(value),
        allowed=", ".join(_short(allowed) for allowed in _CHOICES[name]),
    )


def _plain(bound: float) -> str:
    return f"{bound:.7f}".rstrip("0").rstrip(".")


def _short(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 30 else f"{text[:27]}…"


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
_SMALL: dict[Intensity, _Shape] = {
    "light": _Shape(200, 1, 2, 8, 3e-4, 4),
    "normal": _Shape(600, 2, 4, 16, 2e-4, 4),
    "thorough": _Shape(2000, 3, 8, 32, 2e-4, 8),
}
_LARGE: dict[Intensity, _Shape] = {
    "light": _Shape(200, 1, 2, 8, 2e-4, 2),
    "normal": _Shape(600, 2, 3, 16, 2e-4, 4),
    "thorough": _Shape(2000, 3, 5, 32, 1e-4, 4),
}


def defaults_for(
    parameters: int, rows: int, intensity: Intensity = "normal", context_length: int = 512
) -> TrainingConfig:
    """Choose values that suit a model of that many parameters and a file of that many rows."""
    if intensity not in get_args(Intensity):
        raise InputError(
            "{field} cannot be {value}. Use one of: {allowed}.",
            field="intensity",
            value=_short(intensity),
            allowed=", ".join(get_args(Intensity)),
        )
    by_size = _TINY if parameters < TINY_PARAMETERS else _SMALL if parameters < SMALL_PARAMETERS else _LARGE
    shape = by_size[intensity]
    epochs = min(max(shape.row_visits / max(rows, 1), shape.least_epochs), shape.most_epochs)
    return TrainingConfig(
        epochs=float(round(epochs)),
        r=shape.r,
        lora_alpha=2.0 * shape.r,
        learning_rate=shape.learning_rate,
        max_length=min(512 if parameters < SMALL_PARAMETERS else 1024, context_length),
        per_device_train_batch_size=shape.batch,
        gradient_accumulation_steps=1 if parameters < SMALL_PARAMETERS else 2,
    )
