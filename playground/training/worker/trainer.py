"""LoRA training with TRL: one run, from token rows to checkpoints, told in events.

Guarantees of a resume: weights, optimizer, schedule, random state and the order of the rows are those of the last
whole checkpoint, so on the CPU the losses go on exactly as they would have with the same number of threads. Where the
app gives and takes cores meanwhile, sums are taken in other parts, and losses differ in their last digits. Held-out
losses change nothing: they are measured on weights that are never re-packed, with the random state put back afterwards.
"""

import torch
from peft import LoraConfig
from transformers import PrinterCallback
from transformers.utils import is_torch_tf32_available
from trl import SFTConfig

from playground.models.loader import LoadedModel
from playground.models.quantization import disable_cpu_repacking, plain_dtype
from playground.training.config import TARGETS
from playground.training.jobs.checkpoints import TMP_FOLDER
from playground.training.worker.callback import EventCallback
from playground.training.worker.checkpointing import AtomicCheckpointTrainer
from playground.training.worker.dataset import check_packing
from playground.training.worker.head_loss import use_head_loss
from playground.training.worker.lora_linear import fuse_lora
from playground.training.worker.run import Run, StopReason

LOGGED_POINTS = 300


def train(loaded: LoadedModel, run: Run) -> StopReason:
    """Train a LoRA adapter on a model that was loaded for training; checkpoints land in `folder/checkpoints`.

    Raises `TrainingError` when the loss stops being a number, the disk is full, or the model cannot take `packing`.
    """
    ended = run.ended_at(run.resume_from) if run.resume_from else None
    if ended is not None:
        return ended
    trainer = assemble(loaded, run)
    trainer.train(resume_from_checkpoint=str(run.resume_from.folder) if run.resume_from else None)
    if trainer.state.global_step >= run.total_steps:
        return "completed"
    return "early_stopping" if run.is_enough(trainer.state.log_history) else "interrupted"


def assemble(loaded: LoadedModel, run: Run) -> AtomicCheckpointTrainer:
    """Put the run's adapter on the model, and make the trainer that trains it."""
    disable_cpu_repacking(loaded.model)
    if run.values.packing:
        check_packing(loaded.model, run.train_rows)
    trainer = AtomicCheckpointTrainer(
        run=run,
        model=loaded.model,
        args=_arguments(run, loaded.device),
        processing_class=loaded.tokenizer.transformers_tokenizer,
        train_dataset=run.train_rows,
        eval_dataset=run.held_out_rows,
        peft_config=_lora_config(loaded, run),
    )
    for parameter in trainer.model.parameters():
        if parameter.requires_grad:
            # TRL makes them bf16 on a quantized model, while a resume reads fp32: the losses would drift apart.
            parameter.data = parameter.data.float()
    fuse_lora(trainer.model)
    if not trainer.aux_loss_enabled:
        use_head_loss(loaded.model)
    trainer.remove_callback(PrinterCallback)  # the events tell it all
    trainer.add_callback(EventCallback(run))
    return trainer


def _lora_config(loaded: LoadedModel, run: Run) -> LoraConfig:
    """All layers are named: PEFT's own "all-linear" has some that cannot be taught or served."""
    options, experts = run.values.arguments("lora"), loaded.info.expert_parameters
    if options["target_modules"] == TARGETS.alone:
        options["target_modules"] = [*loaded.info.linear_modules, *experts]
    named = options["target_modules"]
    options["target_modules"] = [name for name in named if name not in experts]
    parameters = [name for name in named if name in experts]
    return LoraConfig(**options, target_parameters=parameters or None, task_type="CAUSAL_LM")


def _arguments(run: Run, device: torch.device) -> SFTConfig:
    config, between = run.values, run.eval_steps
    half = plain_dtype(0, device) if device.type == "cuda" else None
    return SFTConfig(
        **config.arguments("sft"),
        output_dir=str(run.folder / TMP_FOLDER),
        per_device_eval_batch_size=config.per_device_train_batch_size,
        dataset_kwargs={"skip_prepare_dataset": True},
        logging_steps=max(1, run.total_steps // LOGGED_POINTS),
        logging_nan_inf_filter=False,
        eval_strategy="steps" if run.held_out_rows else "no",
        eval_steps=between,
        eval_on_start=bool(run.held_out_rows) and run.resume_from is None,
        save_strategy="steps",
        save_steps=between,
        # All three would follow TRL's defaults. On the CPU the base itself has the precision that is computed in; on a
        # GPU the adapter, which stays in fp32, is multiplied in bf16 or by tensor cores where they take it. On a card
        # without bf16 the base is in fp16, in which small gradients vanish unless they are scaled.
        bf16=half is torch.bfloat16,
        fp16=half is torch.float16,
        tf32=is_torch_tf32_available() if device.type == "cuda" else None,
        activation_checkpointing_kwargs={"use_reentrant": False},
        use_cpu=device.type == "cpu",
        dataloader_pin_memory=device.type == "cuda",
        run_name=run.name or None,
        disable_tqdm=True,
    )
