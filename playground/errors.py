"""The errors a person may read: what happened, where, and what to do.

The message is a `Sentence`, so that the page can say the same in another language.
"""

from typing import Self

from playground.sentence import Sentence


class PlaygroundError(Exception):
    """Raise with one plain sentence in English; `{field}`s in it are filled from the keyword arguments.

    `about` is the name of the value that is wrong, where it is known: the page shows the sentence under its field.
    """

    def __init__(self, sentence: Sentence | str, /, **fields: object) -> None:
        self.sentence = sentence if isinstance(sentence, Sentence) else Sentence(sentence, **fields)
        self.about = str(fields.get("field", ""))
        super().__init__(str(self.sentence))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.sentence,), {"about": self.about}

    def of(self, name: str) -> Self:
        """The same error, about the value of this name."""
        self.about = name
        return self


class SettingsError(PlaygroundError):
    """A setting has a value that cannot be used; `python app.py` ends with it and exit code 2."""


class InputError(PlaygroundError):
    """What a visitor typed, chose or sent cannot be used as it is."""


class TooLongError(InputError):
    """A text is longer than the model reads at once."""


class DataError(PlaygroundError):
    """A dataset file cannot be read or used; says the row or column where it can."""


class AdapterError(PlaygroundError):
    """An adapter is unknown, damaged, or made for another model."""


class OtherBaseError(AdapterError):
    """An adapter's layers are not those of the loaded model: it was made for another one."""


class ModelError(PlaygroundError):
    """A base model cannot be loaded."""


class TrainingError(PlaygroundError):
    """A training run cannot start or went wrong."""


class BusyError(PlaygroundError):
    """The queue is full; the sentence says when to come back."""


class EngineError(PlaygroundError):
    """The live model failed while it worked on a request."""


def first_line(error: Exception) -> str:
    """What a library says of its error, short enough for the inside of a sentence; its name where it says nothing."""
    said = str(error).strip().splitlines()
    return said[0][:200].rstrip(".") if said else type(error).__name__
