"""The errors a person may read: what happened, where, and what to do.

The message is a template in English and its fields, so that the page can say the same sentence in another
language: translations are looked up by the template.
"""

from typing import Any


class PlaygroundError(Exception):
    """Raise with one plain sentence; `{field}`s in it are filled from the keyword arguments."""

    def __init__(self, template: str, **fields: object) -> None:
        self.template = template
        self.fields = fields
        super().__init__(template.format(**fields) if fields else template)

    def as_plain(self) -> dict[str, Any]:
        """The template and its fields, fit for JSON; `from_plain` makes an error of them again."""
        return {"template": self.template, "fields": {name: _plain(value) for name, value in self.fields.items()}}

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.template, self.fields)


def from_plain(template: str, fields: dict[str, Any]) -> PlaygroundError:
    """The error whose `as_plain` this is; its fields may be errors themselves."""
    read = {name: from_plain(**value) if isinstance(value, dict) else value for name, value in fields.items()}
    return PlaygroundError(template, **read)


def _plain(value: object) -> Any:
    if isinstance(value, PlaygroundError):
        return value.as_plain()
    return value if isinstance(value, int | float) else str(value)


def _rebuild(kind: type[PlaygroundError], template: str, fields: dict[str, object]) -> PlaygroundError:
    return kind(template, **fields)


class SettingsError(PlaygroundError):
    """A setting has a value that cannot be used; `python app.py` ends with it and exit code 2."""


class InputError(PlaygroundError):
    """What a visitor typed, chose or sent cannot be used as it is."""


class DataError(PlaygroundError):
    """A dataset file cannot be read or used; says the row or column where it can."""


class AdapterError(PlaygroundError):
    """An adapter is unknown, damaged, or made for another model."""


class ModelError(PlaygroundError):
    """A base model cannot be loaded."""


class TrainingError(PlaygroundError):
    """A training run cannot start or went wrong."""


class BusyError(PlaygroundError):
    """The queue is full; the sentence says when to come back."""


class EngineError(PlaygroundError):
    """The live model failed while it worked on a request."""
