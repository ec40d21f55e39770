"""Metadata of a stored adapter, as `manifest.json` holds it."""

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from playground.errors import AdapterError
from playground.protocol.engine import SwapReceipt
from playground.protocol.messages import BASE, PLAIN

Visibility = Literal["private", "public", "built-in"]
MAX_NAME_CHARS = 60
ID_PATTERN = re.compile(r"a-[0-9a-f]{16}")


class AdapterInfo(BaseModel, frozen=True):
    """What is known of the PEFT adapter in `folder`; dumped by alias, it is its `manifest.json`.

    `created` is ISO 8601 in UTC. Keys that another version wrote are ignored.
    """

    id: str
    name: str
    folder: Path = Field(exclude=True)
    base_model: str
    base_fingerprint: str
    created: str
    visibility: Visibility
    metrics: dict[str, object]
    source: dict[str, object]
    """Where it comes from: facts of the training, or of the import."""
    report: dict[str, object] = Field(default_factory=dict)
    """What was measured after the training: `playground.evaluation.report`. Empty where nothing was."""
    receipt: SwapReceipt | None = None
    task: str = ""
    """The task that it is part of the base model for; "" for all but built-in ones."""

    def to_dict(self) -> dict[str, object]:
        """The shape of `/adapters`: nothing of the disk or of the owner."""
        return self.model_dump(include={"id", "name", "base_model", "created", "visibility", "metrics"})


def check_name(name: object) -> str:
    """Return the name without outer spaces; raises `AdapterError` if it cannot be one."""
    if not isinstance(name, str) or not name.strip():
        raise AdapterError("Give the adapter a name.").of("name")
    name = name.strip()
    if len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise AdapterError(
            "The adapter's name must be 1 to {limit} ordinary characters on one line.", limit=MAX_NAME_CHARS
        ).of("name")
    if name.lower() in (BASE, PLAIN):
        raise AdapterError("'{name}' means the model without an adapter. Choose another name.", name=name).of("name")
    if ID_PATTERN.fullmatch(name.lower()):
        raise AdapterError("'{name}' looks like an adapter's id. Choose another name.", name=name).of("name")
    return name


def free_name(name: str, taken: set[str]) -> str:
    """The name, or the name with the first number that makes it new; `taken` are in lower case."""
    candidate, number = name, 2
    while candidate.lower() in taken:
        suffix = f" {number}"
        candidate, number = name[: MAX_NAME_CHARS - len(suffix)].rstrip() + suffix, number + 1
    return candidate
