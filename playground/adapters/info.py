"""An adapter as people see it: its name, what it was made for, and what is known of it."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from playground.errors import AdapterError
from playground.protocol.engine import SwapReceipt
from playground.protocol.messages import BASE

Visibility = Literal["private", "public"]
MAX_NAME_CHARS = 60
ID_PATTERN = re.compile(r"a-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class AdapterInfo:
    """What `manifest.json` says of the PEFT adapter in `folder`. `created` is ISO 8601 in UTC."""

    id: str
    name: str
    folder: Path
    base_model: str
    base_fingerprint: str
    created: str
    visibility: Visibility = "private"
    metrics: dict[str, object] = field(default_factory=dict)
    source: dict[str, object] = field(default_factory=dict)
    """Where it comes from: facts of the training, or of the import."""
    receipt: SwapReceipt | None = None
    report: dict[str, object] = field(default_factory=dict)
    """What was measured after the training: `playground.evaluation.report`. Empty where nothing was."""

    def to_dict(self) -> dict[str, object]:
        """The shape of `/adapters`: nothing of the disk or of the owner."""
        return {
            "id": self.id,
            "name": self.name,
            "base_model": self.base_model,
            "created": self.created,
            "visibility": self.visibility,
            "metrics": self.metrics,
        }

    def to_manifest(self) -> dict[str, object]:
        facts = {name: getattr(self, name) for name in _MANIFEST}
        return {**facts, "receipt": self.receipt.model_dump(by_alias=True) if self.receipt else None}


_MANIFEST = ("id", "name", "base_model", "base_fingerprint", "created", "visibility", "metrics", "source", "report")


def from_manifest(facts: object, folder: Path) -> AdapterInfo:
    """Read a manifest back; raises `ValueError` if it is not one, or not this folder's."""
    if not isinstance(facts, dict) or facts.get("id") != folder.name or not ID_PATTERN.fullmatch(folder.name):
        raise ValueError("not the manifest of this folder")
    texts = {name: facts.get(name) for name in ("id", "name", "base_model", "base_fingerprint", "created")}
    metrics, source, receipt = facts.get("metrics"), facts.get("source"), facts.get("receipt")
    report = facts.get("report", {})
    if not all(isinstance(text, str) for text in texts.values()) or facts.get("visibility") not in (
        "private",
        "public",
    ):
        raise ValueError("a fact is missing")
    if not isinstance(metrics, dict) or not isinstance(source, dict) or not isinstance(report, dict):
        raise ValueError("metrics, source or report are no objects")
    return AdapterInfo(
        **cast("dict[str, str]", texts),
        folder=folder,
        visibility=facts["visibility"],
        metrics=metrics,
        source=source,
        receipt=SwapReceipt.model_validate(receipt) if receipt is not None else None,
        report=report,
    )


def check_name(name: object) -> str:
    """Return the name without outer spaces; raises `AdapterError` if it cannot be one."""
    if not isinstance(name, str) or not name.strip():
        raise AdapterError("Give the adapter a name.")
    name = name.strip()
    if len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise AdapterError(
            "The adapter's name must be 1 to {limit} ordinary characters on one line.", limit=MAX_NAME_CHARS
        )
    if name.lower() == BASE:
        raise AdapterError("'{name}' means the model without an adapter. Choose another name.", name=name)
    if ID_PATTERN.fullmatch(name.lower()):
        raise AdapterError("'{name}' looks like an adapter's id. Choose another name.", name=name)
    return name


def free_name(name: str, taken: set[str]) -> str:
    """The name, or the name with the first number that makes it new; `taken` are in lower case."""
    candidate, number = name, 2
    while candidate.lower() in taken:
        suffix = f" {number}"
        candidate, number = name[: MAX_NAME_CHARS - len(suffix)].rstrip() + suffix, number + 1
    return candidate
