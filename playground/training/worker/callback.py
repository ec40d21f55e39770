"""Tells a running training in events, watches its loss, and ends it."""

import math
import time
from dataclasses import replace

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from playground.errors import TrainingError
from playground.training.jobs.events import Event
from playground.training.worker.distributed import any_rank, world_size
from playground.training.worker.run import NoTimeError, Run


class EventCallback(TrainerCallback):  # type: ignore[misc]
    """Turns what the trainer logs into events, watches the loss, and ends the run when asked to."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._began = time.monotonic()
        self._first_step = 0
        self._tokens = (time.monotonic(), 0.0)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        self._began, self._first_step = time.monotonic(), state.global_step
        self._run.on_event(replace(self._now(state), template="Learning from the examples…"))

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        self._run.pace()

    on_substep_end = on_step_begin

    def on_prediction_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        self._run.pace()
        if world_size() == 1 and self._run.has_no_time():
            raise NoTimeError

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        last = state.global_step >= state.max_steps
        if not last and any_rank(self._run.stop()):
            last = control.should_training_stop = control.should_save = control.should_log = True
        if any_rank(self._run.has_no_time()):
            control.should_evaluate = False
        elif last and self._run.held_out_rows:
            control.should_evaluate = True

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        if self._run.is_enough(state.log_history):
            control.should_training_stop = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        now, logs = self._now(state), logs or {}
        if "loss" in logs:
            if not math.isfinite(logs["loss"]):
                raise TrainingError(
                    "The training went astray at step {step}: the loss is no longer a number. "
                    "Try again with a lower learning rate.",
                    step=state.global_step,
                )
            now = replace(
                now,
                loss=round(logs["loss"], 5),
                learning_rate=logs.get("learning_rate"),
                tokens_per_s=self._speed(logs.get("num_tokens")),
            )
        elif "eval_loss" in logs:
            now = replace(now, eval_loss=round(logs["eval_loss"], 5))
        else:
            return
        self._run.on_event(now)

    def _speed(self, tokens: float | None) -> float | None:
        """Tokens a second since the last call, padding left out."""
        if tokens is None:
            return None
        (before, counted), now = self._tokens, time.monotonic()
        self._tokens = (now, tokens)
        return round((tokens - counted) / (now - before), 1) if tokens > counted > 0 else None

    def _now(self, state: TrainerState) -> Event:
        done = state.global_step - self._first_step
        left = state.max_steps - state.global_step
        eta_s = round((time.monotonic() - self._began) / done * left, 1) if done > 0 else None
        return Event("training", step=state.global_step, total_steps=state.max_steps, eta_s=eta_s)
