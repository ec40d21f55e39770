"""LoRA training with TRL: one run, from token rows to checkpoints, told in events.

Guarantees of a resume: weights, optimizer, schedule, random state and the order of the rows are those of the last
whole checkpoint, so on the CPU the losses go on exactly as they would have. Held-out losses change nothing: they are
measured on weights that are never re-packed, with the random state put back afterwards.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl import SFTConfig, SFTTrainer

from playground.errors import TrainingError
from playground.models.loader import LoadedModel
from playground.models.quantize import keep_unpacked
from playground.training.checkpoints import (
    ASIDE_FOLDER,
    CHECKPOINTS_FOLDER,
    LEARNT_FOLDER,
    Checkpoint,
    keep_adapter,
    prune,
    publish,
)
from playground.training.encode import TokenRow
from playground.training.events import Event
from playground.training.spec import TrainingValues

LOGGED_POINTS = 300
EVALUATIONS = 6
MOST_STEPS_BETWEEN = 200


@dataclass(frozen=True, slots=True)
class Run:
    """What `train` needs. `on_event` is told of progress; `stop` is asked after every step whether to end early."""

    values: TrainingValues
    train_rows: list[TokenRow]
    held_out_rows: list[TokenRow]
    folder: Path
    on_event: Callable[[Event], None]
    stop: Callable[[], bool]
    resume_from: Checkpoint | None = None
    evaluations: int = EVALUATIONS


def train(loaded: LoadedModel, run: Run) -> None:
    """Train a LoRA adapter on a model that was loaded for training; checkpoints land in `folder/checkpoints`.

    Raises `TrainingError` when the loss stops being a number.
    """
    keep_unpacked(loaded.model)
    trainer = _PublishingTrainer(
        run=run,
        model=loaded.model,
        args=_arguments(run, loaded.device),
        processing_class=loaded.tokenizer,
        train_dataset=_dataset(run.train_rows),
        eval_dataset=_dataset(run.held_out_rows) if run.held_out_rows else None,
        peft_config=_lora(run.values),
    )
    for parameter in trainer.model.parameters():
        if parameter.requires_grad:
            # TRL makes them bf16 on a quantized model, while a resume reads fp32: the losses would drift apart.
            parameter.data = parameter.data.float()
    trainer.remove_callback(PrinterCallback)  # the events tell it all
    trainer.add_callback(_Teller(run))
    trainer.train(resume_from_checkpoint=str(run.resume_from.folder) if run.resume_from else None)


def _lora(values: TrainingValues) -> LoraConfig:
    return LoraConfig(
        r=values.r,
        lora_alpha=values.lora_alpha,
        lora_dropout=values.lora_dropout,
        target_modules=values.target_modules,
        task_type="CAUSAL_LM",
    )


def _arguments(run: Run, device: torch.device) -> SFTConfig:
    values = run.values
    total = values.total_steps(len(run.train_rows))
    between = min(math.ceil(total / run.evaluations), MOST_STEPS_BETWEEN)
    return SFTConfig(
        output_dir=str(run.folder / ASIDE_FOLDER),
        num_train_epochs=values.epochs,
        max_steps=values.max_steps,
        per_device_train_batch_size=values.per_device_train_batch_size,
        per_device_eval_batch_size=values.per_device_train_batch_size,
        gradient_accumulation_steps=values.gradient_accumulation_steps,
        learning_rate=values.learning_rate,
        lr_scheduler_type=values.lr_scheduler_type,
        warmup_steps=values.warmup_ratio,  # below 1 it is a share of all steps
        weight_decay=values.weight_decay,
        max_length=values.max_length,
        packing=values.packing,
        completion_only_loss=values.completion_only_loss,
        dataset_kwargs={"skip_prepare_dataset": True},
        seed=values.seed,
        logging_steps=max(1, total // LOGGED_POINTS),
        logging_nan_inf_filter=False,
        eval_strategy="steps" if run.held_out_rows else "no",
        eval_steps=between,
        eval_on_start=bool(run.held_out_rows) and run.resume_from is None,
        save_strategy="steps",
        save_steps=between,
        # All four are on by default, or follow the machine: what is trained must not depend on that.
        bf16=False,
        fp16=False,
        tf32=False if device.type == "cuda" else None,
        gradient_checkpointing=False,
        use_cpu=device.type == "cpu",
        dataloader_pin_memory=device.type == "cuda",
        report_to="none",
        disable_tqdm=True,
    )


def _dataset(rows: list[TokenRow]) -> Dataset:
    return Dataset.from_dict({"input_ids": [row.input_ids for row in rows], "labels": [row.labels for row in rows]})


class _PublishingTrainer(SFTTrainer):  # type: ignore[misc]
    """Saves into a folder aside and publishes that whole, where transformers writes straight into its place."""

    def __init__(self, run: Run, **options: Any) -> None:
        self._run = run
        self._began = time.monotonic()
        super().__init__(**options)

    def seconds(self) -> float:
        """Training time in all, the part before a resume included."""
        earlier = self._run.resume_from.seconds if self._run.resume_from else 0.0
        return round(earlier + time.monotonic() - self._began, 1)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        # Iterating over the held-out rows draws from the random state that dropout uses.
        with torch.random.fork_rng():
            metrics: dict[str, float] = super().evaluate(*args, **kwargs)
        return metrics

    def _save_checkpoint(self, model: torch.nn.Module, trial: object) -> None:
        step = self.state.global_step
        eval_loss = next(
            (e["eval_loss"] for e in self.state.log_history if e["step"] == step and "eval_loss" in e), None
        )
        # transformers' own method, not TRL's, which would write a model card beside every checkpoint
        Trainer._save_checkpoint(self, model, trial)
        aside = Path(self.args.output_dir) / f"checkpoint-{step}"
        root = self._run.folder / CHECKPOINTS_FOLDER
        checkpoint = publish(aside, root, step, eval_loss, self.seconds())
        kept = keep_adapter(checkpoint, self._run.folder / LEARNT_FOLDER)
        prune(root)
        self._run.on_event(
            Event(
                "training",
                step=step,
                checkpoint=str(kept.folder.relative_to(self._run.folder)),
                total_steps=self.state.max_steps,
            )
        )


class _Teller(TrainerCallback):  # type: ignore[misc]
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
        self._run.on_event(replace(self._now(state), message="Learning from the examples…"))

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        if self._run.stop() and state.global_step < state.max_steps:
            control.should_training_stop = control.should_save = control.should_log = True
            control.should_evaluate = bool(self._run.held_out_rows)

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
