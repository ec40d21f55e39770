"""What goes out of the API and comes into it, as plain JSON."""

from typing import Any

from playground.adapters.info import AdapterInfo
from playground.errors import InputError
from playground.i18n.catalog import Gettext
from playground.protocol.model_choice import ModelChoice
from playground.service.model_change import ModelChange


def adapter_as_api(card: AdapterInfo) -> dict[str, Any]:
    return {
        "id": card.id,
        "name": card.name,
        "base_model": card.base_model,
        "created": card.created,
        "visibility": card.visibility,
        "metrics": dict(card.metrics),
        "receipt": card.receipt.model_dump(by_alias=True) if card.receipt else None,
    }


def choice_as_api(choice: ModelChoice) -> dict[str, Any]:
    return {
        "id": choice.id,
        "name": choice.name,
        "kind": choice.kind,
        "parameters": choice.num_parameters,
        "download_gib": round(choice.download_bytes / 2**30, 2),
        "memory_gib": round(choice.memory_bytes / 2**30, 2),
        "fits": choice.fits,
        "why_not": str(choice.why_not or ""),
        "words_per_s": None if choice.words_per_s is None else round(choice.words_per_s, 1),
        "present": choice.present,
        "current": choice.current,
        "languages": list(choice.languages),
        "license": choice.license,
        "tasks": list(choice.tasks),
    }


def change_as_api(change: ModelChange, gettext: Gettext) -> dict[str, Any]:
    return {
        "phase": change.phase,
        "share": round(change.share, 4),
        "done_bytes": change.done_bytes,
        "total_bytes": change.total_bytes,
        "eta_s": change.eta_s,
        "message": gettext(change.failed) if change.failed else "",
    }


def as_text(value: object, name: str) -> str:
    """The value of a parameter that must be a text with something in it; raises `InputError` naming it."""
    if not isinstance(value, str) or not value.strip():
        raise InputError("{name} must be text.", name=name)
    return value
