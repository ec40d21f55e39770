"""What goes out of the API and comes into it, as plain JSON."""

from typing import Any

from playground.adapters.info import AdapterInfo
from playground.errors import InputError


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


def as_text(value: object, name: str) -> str:
    """The value of a parameter that must be a text with something in it; raises `InputError` naming it."""
    if not isinstance(value, str) or not value.strip():
        raise InputError("{name} must be text.", name=name)
    return value
