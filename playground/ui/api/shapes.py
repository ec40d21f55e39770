"""What goes out of the API and comes into it, as plain JSON."""

from dataclasses import asdict
from typing import Any

from playground.adapters.info import AdapterInfo
from playground.errors import InputError
from playground.tasks.base import ClassificationOutput, QuestionAnsweringOutput, TextOutput


def as_api(result: object) -> Any:
    """A task's result as plain JSON."""
    if isinstance(result, TextOutput):
        return result.text
    if isinstance(result, ClassificationOutput):
        shares = [{"label": label, "confidence": confidence} for label, confidence in result.confidences]
        return {"label": result.label, "confidences": shares}
    if isinstance(result, QuestionAnsweringOutput):
        fields = asdict(result)
        return {name: fields[name] for name in ("answer", "start", "end", "confidence")}
    return asdict(result)  # type: ignore[call-overload]


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
