"""Where a run stands: its events, folded into what the page and the API show."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypedDict

from playground.sentence import N_
from playground.training.jobs.events import FINISHED, Event, State

MEASURING = N_("Asking it what it learnt…")
"""Said while the result is put into the live model and measured."""


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
    stopping: bool
    """Whether it was told to stop and has not ended yet."""
    since: float
    """When it began to do what its message says, in seconds since 1970."""


def summarize(events: Iterable[Event], job_id: str, name: str, created: float, told_to_stop: bool = False) -> JobState:
    """Fold a run's events into where it stands now; a finished state counts only once it is settled."""
    now = Event("waiting")
    losses: dict[int, float] = {}
    eval_losses: dict[int, float] = {}
    seconds, last_time, since = 0.0, created, created
    for event in events:
        if event.state in ("waiting", "starting"):
            now = replace(now, eta_s=None)
        if event.state != "waiting" and now.state not in ("waiting", *FINISHED):
            seconds += max(0.0, event.time - last_time)
        last_time = event.time
        before, now = now, _later(now, event)
        if (now.state, now.template) != (before.state, before.template):
            since = event.time
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
        stopping=told_to_stop and now.state not in FINISHED,
        since=since,
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
