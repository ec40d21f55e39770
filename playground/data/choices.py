"""Questions with a choice of answers: the choices as they are read, and the one that is meant by a number."""

import string
from collections.abc import Iterable

_LABELS = string.ascii_uppercase


def listed_choices(value: object) -> str:
    """One choice a line behind its letter; "" for none."""
    if isinstance(value, str):
        return value
    labels, texts = _parts(value)
    return "\n".join(f"{label}. {text}" for label, text in zip(labels, texts, strict=False))


def chosen_answer(answer: object, value: object, first: int = 0) -> str:
    """The choice that a number or a letter names, as it was listed; "" where the answer is no such name. Numbers count
    from `first`."""
    labels, texts = _parts(value)
    named = str(answer).strip() if isinstance(answer, (str, int)) and not isinstance(answer, bool) else ""
    if not texts or not named:
        return ""
    if named.upper() in labels and not (named.isdecimal() and _are_places(labels)):
        place = labels.index(named.upper())
    elif named.isdecimal():
        place = int(named) - first
    else:
        return ""
    if not 0 <= place < len(texts):
        return ""
    return f"{labels[place]}. {texts[place]}"


def counts_from_one(answers: Iterable[tuple[object, object]]) -> bool:
    """Whether answers that are numbers count the choices from 1: none is 0, and some is as many as there are, or the
    choices are called by numbers from 1 on."""
    found = [(int(str(answer)), *_parts(value)) for answer, value in answers if str(answer).isdecimal()]
    some = any(number == len(texts) or labels[:1] == ["1"] for number, labels, texts in found)
    return some and all(number > 0 for number, _, _ in found)


def _are_places(labels: list[str]) -> bool:
    """Whether the choices are called by where they stand, from 0 or from 1."""
    return any(labels == [str(place + start) for place in range(len(labels))] for start in (0, 1))


def _parts(value: object) -> tuple[list[str], list[str]]:
    """Labels and texts, of a list, of {"text": [...], "label": [...]}, or of {"A": ..., "B": ...}."""
    if isinstance(value, dict) and isinstance(value.get("text"), list):
        texts = _texts(value["text"])
        labels = value.get("label")
        return _texts(labels) if isinstance(labels, list) else list(_LABELS), texts
    if isinstance(value, dict):
        return list(value), _texts(value.values())
    return list(_LABELS), _texts(value) if isinstance(value, list) else []


def _texts(values: Iterable[object]) -> list[str]:
    return [str(value.get("text", value)) if isinstance(value, dict) else str(value) for value in values]
