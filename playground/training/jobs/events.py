"""What happens in a training run, one JSON object a line: the run's only record, appended to and never rewritten.

One process writes at a time: the worker while it lives, before and after it the app. A line counts once its newline
is there, so a writer that was killed in the middle of a line spoils nothing.
"""

import errno
import json
import logging
import os
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypedDict, get_args

from playground.errors import PlaygroundError
from playground.sentence import N_, Sentence

log = logging.getLogger(__name__)

State = Literal["waiting", "starting", "training", "done", "stopped", "failed", "interrupted"]
MEASURING = N_("Asking it what it learnt…")
"""Said while the result is put into the live model and measured."""
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
        line = (json.dumps(values | {"time": round(time.time(), 3)}, ensure_ascii=False) + "\n").encode(
            "utf-8", "replace"
        )
        self._drop_torn_line()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if os.write(descriptor, line) < len(line):  # a disk that is nearly full takes a part, and says nothing
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(descriptor)

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

    def _drop_torn_line(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size == 0:
                return
            file.seek(size - 1)
            if file.read(1) != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)


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


class JobState(TypedDict):
    """Where a run stands. The first seven keys are those of the API; `losses` and `eval_losses` are (step, loss).

    `template` and `fields` are the message as a plain sentence, to be said in other languages."""

    state: State
    step: int
    total_steps: int
    loss: float | None
    eta_s: float | None
    adapter: str | None
    message: str
    template: str
    fields: dict[str, Any]
    job_id: str
    name: str
    created: float
    seconds: float
    learning_rate: float | None
    tokens_per_s: float | None
    losses: list[tuple[int, float]]
    eval_losses: list[tuple[int, float]]
    can_resume: bool


def summarize(events: Iterable[Event], job_id: str, name: str, created: float) -> JobState:
    """Fold a run's events into where it stands now; a finished state counts only once it is settled."""
    now = Event("waiting")
    losses: dict[int, float] = {}
    eval_losses: dict[int, float] = {}
    seconds, last_time = 0.0, created
    for event in events:
        if event.state in ("waiting", "starting"):
            now = replace(now, eta_s=None)
        if event.state != "waiting" and now.state not in ("waiting", *FINISHED):
            seconds += max(0.0, event.time - last_time)
        last_time = event.time
        now = _later(now, event)
        step = now.step or 0
        # After a resume the steps since the checkpoint come again: what was drawn for them is replaced.
        if event.loss is not None:
            losses = {at: loss for at, loss in losses.items() if at < step} | {step: event.loss}
        if event.eval_loss is not None:
            eval_losses = {at: loss for at, loss in eval_losses.items() if at < step} | {step: event.eval_loss}
    if now.state in FINISHED and not now.settled:
        now = replace(now, state="training", template=MEASURING, fields={}, eta_s=0.0)
    return JobState(
        state=now.state,
        step=now.step or 0,
        total_steps=now.total_steps or 0,
        loss=now.loss,
        eta_s=now.eta_s if now.state == "training" else None,
        adapter=now.adapter,
        message=now.message,
        template=now.template,
        fields=now.fields,
        job_id=job_id,
        name=name,
        created=created,
        seconds=round(seconds, 1),
        learning_rate=now.learning_rate,
        tokens_per_s=now.tokens_per_s,
        losses=list(losses.items()),
        eval_losses=list(eval_losses.items()),
        can_resume=now.settled and now.state in ("stopped", "failed", "interrupted"),
    )


def _later(now: Event, event: Event) -> Event:
    """`event`, with what it leaves open as it was."""
    return replace(
        event,
        template=event.template or now.template,
        fields=event.fields if event.template else now.fields,
        step=now.step if event.step is None else event.step,
        total_steps=now.total_steps if event.total_steps is None else event.total_steps,
        loss=now.loss if event.loss is None else event.loss,
        eta_s=now.eta_s if event.eta_s is None else event.eta_s,
        learning_rate=now.learning_rate if event.learning_rate is None else event.learning_rate,
        tokens_per_s=now.tokens_per_s if event.tokens_per_s is None else event.tokens_per_s,
        adapter=event.adapter or now.adapter,
    )
