"""What a training run is to do: written to disk by the app, read by the worker, and enough to do it again."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from playground.data.examples import Example
from playground.data_dir import SPEC_FILE
from playground.errors import TrainingError
from playground.files import write_bytes, write_json
from playground.models.catalog import name_of
from playground.protocol.model import Quantization
from playground.training.config import TrainingConfig

TRAIN_FILE = "train.jsonl"
HELD_OUT_FILE = "held_out.jsonl"
EVENTS_FILE = "events.jsonl"
FACTS_FILE = "facts.json"
ADAPTER_FOLDER = "adapter"
MAX_PROBES = 3
"""Questions that a run may be watched with."""


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
        known = {item.name: getattr(self, item.name) for item in fields(self)}
        write_json(folder / SPEC_FILE, known | {"values": self.values.model_dump()})

    @classmethod
    def load(cls, path: Path) -> "TrainingSpec":
        """Read a spec; raises `TrainingError` when the file is not one."""
        try:
            read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            values = TrainingConfig.stored(read.pop("values"))
            return cls(values=values, probes=tuple(read.pop("probes")), **read)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise TrainingError(
                "The description of the training run in {path} cannot be read. Start a new run.", path=path
            ) from error


@dataclass(frozen=True, slots=True)
class StoredExamples:
    """Examples as they lie on the disk, in JSON lines: to be handed on whole, however many they are."""

    lines: bytes
    count: int

    @classmethod
    def of(cls, examples: Sequence[Example]) -> "StoredExamples":
        rows = ({"messages": item.messages, "text": item.text, "row": item.row} for item in examples)
        return cls("".join(f"{json.dumps(row, ensure_ascii=True)}\n" for row in rows).encode("ascii"), len(examples))

    def save(self, path: Path) -> None:
        write_bytes(path, self.lines)


def load_examples(path: Path) -> list[Example]:
    """Read what `StoredExamples` saved; raises `TrainingError` when the file was damaged."""
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [
            Example(tuple(row["messages"]) if row["messages"] is not None else None, row["text"], row["row"])
            for row in rows
        ]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise TrainingError("The examples in {path} cannot be read. Start a new run.", path=path) from error
