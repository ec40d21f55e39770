"""Checkpoints of a running training, published whole."""

import errno
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import Trainer
from trl import SFTTrainer

from playground.errors import TrainingError
from playground.training.jobs.checkpoints import CHECKPOINTS_FOLDER, LEARNT_FOLDER, keep_adapter, prune, publish
from playground.training.jobs.events import Event
from playground.training.worker.distributed import barrier, is_main_process
from playground.training.worker.length_sampler import LengthSampler
from playground.training.worker.run import NoTimeError, Run

_FULL_BYTES = 2**20


class AtomicCheckpointTrainer(SFTTrainer):  # type: ignore[misc]
    """Saves into a temporary folder and publishes that whole, where transformers writes straight into its place."""

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
        with torch.random.fork_rng([torch.cuda.current_device()] if self.args.device.type == "cuda" else []):
            try:
                metrics: dict[str, float] = super().evaluate(*args, **kwargs)
            except NoTimeError:
                metrics = {}
                self.control.should_training_stop = self.control.should_save = True
        return metrics

    def compute_loss(self, model: torch.nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        loss = super().compute_loss(model, inputs, *args, **kwargs)
        # What TRL would tell of it: `head_loss` does not compute it, since it would take another look at every logit.
        self._metrics["train" if self.model.training else "eval"].pop("entropy", None)
        return loss

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> LengthSampler:
        rows = self.train_dataset if train_dataset is None else train_dataset
        return LengthSampler([len(ids) for ids in rows["input_ids"]], self._train_batch_size, self.args.seed)

    def _save_checkpoint(self, model: torch.nn.Module, trial: object) -> None:
        try:
            # transformers' own method, not TRL's, which would write a model card beside every checkpoint
            Trainer._save_checkpoint(self, model, trial)
            barrier()
            if is_main_process():
                self._publish(Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}")
            barrier()
        except Exception as error:
            if not _is_full(error, self._run.folder):
                raise
            shutil.rmtree(self.args.output_dir, ignore_errors=True)  # makes room for the sentence
            raise TrainingError(
                "The disk is full, so step {step} could not be saved. Make room, then resume: it goes on from the "
                "checkpoint before.",
                step=self.state.global_step,
            ) from error

    def _publish(self, tmp: Path) -> None:
        step, root = self.state.global_step, self._run.folder / CHECKPOINTS_FOLDER
        eval_loss = next(
            (e["eval_loss"] for e in self.state.log_history if e["step"] == step and "eval_loss" in e), None
        )
        checkpoint = publish(tmp, root, step, eval_loss, self.seconds())
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


def _is_full(error: Exception, folder: Path) -> bool:
    """torch and safetensors wrap the system's error, so that the disk itself must be asked."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return not isinstance(error, TrainingError) and shutil.disk_usage(folder).free < _FULL_BYTES
