"""What a training run is to do: written to disk by the app, read by the worker, and enough to do it again."""

import json
import math
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from playground.data.examples import Example
from playground.data_dir import SPEC_FILE
from playground.errors import TrainingError
from playground.models.catalog import name_of
from playground.protocol.model import Quantization

TRAIN_FILE = "train.jsonl"
HELD_OUT_FILE = "held_out.jsonl"
EVENTS_FILE = "events.jsonl"
FACTS_FILE = "facts.json"
ADAPTER_FOLDER = "adapter"
ALL_LINEAR = "all-linear"
NOWHERE = "none"
Schedule = Literal["linear", "cosine", "constant_with_warmup"]


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How to train; the names are those of PEFT and TRL.

    `max_steps` of -1 leaves the length to `epochs`; `warmup_ratio` is a share of all steps; `max_length` is in tokens;
    `target_modules` and `report_to` may name several, with commas between. `neftune_noise_alpha` of 0 is none.
    `early_stopping_patience` is in measurements of the held-out loss, 0 never stops early.
    """

    epochs: float = 3.0
    max_steps: int = -1
    r: int = 16
    lora_alpha: float = 32.0
    lora_dropout: float = 0.0
    target_modules: str = ALL_LINEAR
    use_rslora: bool = False
    learning_rate: float = 2e-4
    max_length: int = 512
    per_device_train_batch_size: int = 8
    gradient_accumulation_steps: int = 1
    lr_scheduler_type: Schedule = "cosine"
    warmup_ratio: float = 0.05
    weight_decay: float = 0.0
    completion_only_loss: bool = True
    packing: bool = False
    gradient_checkpointing: bool = False
    neftune_noise_alpha: float = 0.0
    early_stopping_patience: int = 2
    seed: int = 0
    report_to: str = NOWHERE

    def total_steps(self, rows: int, processes: int = 1) -> int:
        """How many optimizer steps a run over this many rows takes; packed, the rows are those after packing."""
        if self.max_steps > 0:
            return self.max_steps
        batches = -(-rows // (self.per_device_train_batch_size * processes))
        steps_an_epoch = max(1, -(-batches // self.gradient_accumulation_steps))
        return max(1, math.ceil(self.epochs * steps_an_epoch))


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """One run. `model` is the folder or hub id as it was really loaded, and `base_fingerprint` that model's.

    `created` is in seconds since 1970. The examples lie beside the spec, in `train.jsonl` and `held_out.jsonl`.
    """

    job_id: str
    owner: str
    name: str
    model: str
    quantization: Quantization
    base_fingerprint: str
    created: float
    values: TrainingConfig = field(default_factory=TrainingConfig)
    probes: tuple[str, ...] = ()
    model_name: str = ""
    """As people see it; "" where an earlier version wrote the spec."""

    @property
    def base_name(self) -> str:
        """The model's name, or what its folder says of it."""
        return self.model_name or name_of(self.model)

    def save(self, folder: Path) -> None:
        """Write `spec.json` into `folder`, whole or not at all."""
        _write_whole(folder / SPEC_FILE, json.dumps(asdict(self), indent=1, ensure_ascii=False))

    @classmethod
    def load(cls, path: Path) -> "TrainingSpec":
        """Read a spec; raises `TrainingError` when the file is not one."""
        try:
            read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            values = TrainingConfig(**read.pop("values"))
            return cls(values=values, probes=tuple(read.pop("probes")), **read)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise TrainingError(
                "The description of the training run in {path} cannot be read. Start a new run.", path=path
            ) from error


def save_examples(path: Path, examples: list[Example]) -> None:
    """Write examples as JSON lines."""
    lines = (
        json.dumps({"messages": item.messages, "text": item.text, "row": item.row}, ensure_ascii=True)
        for item in examples
    )
    _write_whole(path, "".join(f"{line}\n" for line in lines))


def load_examples(path: Path) -> list[Example]:
    """Read what `save_examples` wrote; raises `TrainingError` when the file was damaged."""
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [
            Example(tuple(row["messages"]) if row["messages"] is not None else None, row["text"], row["row"])
            for row in rows
        ]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise TrainingError("The examples in {path} cannot be read. Start a new run.", path=path) from error


def _write_whole(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
