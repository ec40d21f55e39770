"""What happens in a training run, one JSON object a line: the run's only record, appended to and never rewritten.

One process writes at a time: the worker while it lives, before and after it the app. A line counts once its newline
is there, so a writer that was killed in the middle of a line spoils nothing.
"""

import json
import logging
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from playground.errors import PlaygroundError
from playground.files import append_line
from playground.sentence import Sentence

log = logging.getLogger(__name__)

State = Literal["waiting", "starting", "training", "done", "stopped", "failed", "interrupted"]
FINISHED: tuple[State, ...] = ("done", "stopped", "failed", "interrupted")


@dataclass(frozen=True, slots=True)
class Event:
    """One line. `template` with its `fields` is the message, which can be said in other languages too. `time` is in
    seconds since 1970, `eta_s` what is left, `loss` a mean since the loss before, `adapter` the id under which the
    result was published. `settled` marks the app's last word on a finished run."""

    state: State
    template: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    step: int | None = None
    total_steps: int | None = None
    loss: float | None = None
    eval_loss: float | None = None
    learning_rate: float | None = None
    tokens_per_s: float | None = None
    eta_s: float | None = None
    checkpoint: str | None = None
    adapter: str | None = None
    settled: bool = False
    time: float = 0.0

    @property
    def sentence(self) -> Sentence:
        """The message."""
        return Sentence.from_plain({"template": self.template, "fields": self.fields})

    @property
    def message(self) -> str:
        """The message in English."""
        return str(self.sentence)


def failure(error: PlaygroundError) -> Event:
    """The end of a run that this error ended."""
    return Event("failed", **error.sentence.to_plain())


class EventLog:
    """The file `events.jsonl` of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, event: Event) -> None:
        """Append one event, stamped with the time; it is on its way to the disk when this returns.

        Raises `OSError` where the disk does not take all of it.
        """
        values = {
            key: value
            for key, value in asdict(event).items()
            if value is not None and value != "" and value is not False and value != {}
        }
        append_line(self.path, json.dumps(values | {"time": round(time.time(), 3)}, ensure_ascii=False))

    def size(self) -> int:
        """In bytes; 0 where there is none."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def read(self, after: int = 0) -> list[Event]:
        """All whole events but the first `after` ones. A line that the disk damaged is left out and logged."""
        if not self.path.exists():
            return []
        lines = self.path.read_bytes().split(b"\n")[:-1]
        return [event for event in map(_parse, lines) if event][after:]


def _parse(line: bytes) -> Event | None:
    try:
        values = json.loads(line)
        known = {key: value for key, value in values.items() if key in Event.__dataclass_fields__}
        known.setdefault("template", values.get("message", ""))  # as earlier versions wrote it
        if known["state"] in get_args(State):
            return Event(**known)
    except (ValueError, AttributeError, KeyError):
        pass
    log.warning("a line that is no event is left out: %r", line[:80])
    return None
