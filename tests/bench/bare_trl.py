"""A training script as TRL's own examples have it, for `tests.bench.training` to compare with.

`python -m tests.bench.bare_trl SPEC.json MODEL_FOLDER [--fp32]` prints its speed and peak memory as a line of JSON.
With `--fp32` the adapter's weights stay in fp32, as ours do; TRL alone makes them bf16 on a 4-bit model.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    TrainerCallback,
    TrainerControl,
    TrainerState,
)
from trl import SFTConfig, SFTTrainer

from playground.memory import peak_bytes
from playground.training.config import TrainingConfig
from playground.training.spec import TRAIN_FILE, TrainingSpec, load_examples


class Clock(TrainerCallback):  # type: ignore[misc]
    def __init__(self) -> None:
        self.steps: list[float] = []

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: object) -> None:
        self.steps.append(time.monotonic())


def main(spec_path: Path, model_folder: str, fp32: bool) -> None:
    values = TrainingSpec.load(spec_path).values
    dataset = read_dataset(spec_path.parent / TRAIN_FILE)
    model = load_in_4bit(model_folder)
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=model,
            processing_class=AutoTokenizer.from_pretrained(model_folder),
            train_dataset=dataset,
            peft_config=LoraConfig(
                r=values.r,
                lora_alpha=values.lora_alpha,
                lora_dropout=values.lora_dropout,
                target_modules="all-linear",
                task_type="CAUSAL_LM",
            ),
            callbacks=[clock],
            args=arguments(values, folder),
        )
        for parameter in trainer.model.parameters():
            if fp32 and parameter.requires_grad:
                parameter.data = parameter.data.float()
        trainer.train()
    start = len(clock.steps) // 5
    speed = (len(clock.steps) - 1 - start) / (clock.steps[-1] - clock.steps[start])
    print(json.dumps({"steps_per_s": speed, "peak_bytes": peak_bytes()}))


def read_dataset(path: Path) -> Dataset:
    """Take each chat's last message as the completion, and what stands before it as the prompt."""
    rows = [item.messages or () for item in load_examples(path)]
    return Dataset.from_dict(
        {"prompt": [list(row[:-1]) for row in rows], "completion": [list(row[-1:]) for row in rows]}
    )


def load_in_4bit(model_folder: str) -> PreTrainedModel:
    four_bit = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.float32,
        llm_int8_skip_modules=["lm_head"],
    )
    return AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32, quantization_config=four_bit)


def arguments(values: TrainingConfig, folder: str) -> SFTConfig:
    """The same schedule, batches and seed as ours, with TRL's defaults for the rest."""
    return SFTConfig(
        output_dir=folder,
        max_steps=values.max_steps,
        per_device_train_batch_size=values.per_device_train_batch_size,
        learning_rate=values.learning_rate,
        lr_scheduler_type=values.lr_scheduler_type,
        warmup_steps=values.warmup_ratio,
        weight_decay=values.weight_decay,
        max_length=values.max_length,
        seed=values.seed,
        logging_steps=1,
        save_steps=values.max_steps // 6,
        bf16=False,
        activation_checkpointing=False,
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spec", type=Path)
    parser.add_argument("model_folder")
    parser.add_argument("--fp32", action="store_true")
    given = parser.parse_args()
    main(given.spec, given.model_folder, given.fp32)
