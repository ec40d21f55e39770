"""A training script as TRL's own examples have it, for `tests.bench.training` and `real_training` to compare with.

`python -m tests.bench.bare_trl SPEC.json MODEL_FOLDER [--fp32] [--defaults] [--measure ADAPTER]` prints its speed and
peak memory as a line of JSON. With `--fp32` the adapter's weights stay in fp32, as ours do; TRL alone makes them bf16
on a 4-bit model. With `--defaults` all settings are TRL's and PEFT's own, and with `--measure` nothing is trained: both
also tell the loss on the rows set aside, token by token, and greedy answers to the first of them.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel
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
from playground.models.loader import load_tokenizer
from playground.models.quantization import disable_cpu_repacking
from playground.models.tokenizer import ChatTokenizer
from playground.training.config import TrainingConfig
from playground.training.spec import HELD_OUT_FILE, TRAIN_FILE, TrainingSpec, load_examples
from playground.training.tokenization import TokenizedExample, tokenize_examples

ANSWERS = 4


class Clock(TrainerCallback):  # type: ignore[misc]
    def __init__(self) -> None:
        self.steps: list[float] = []
        self.began = 0.0

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **_: object) -> None:
        self.began = time.monotonic()

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: object) -> None:
        self.steps.append(time.monotonic())


def main(options: argparse.Namespace) -> None:
    values = TrainingSpec.load(options.spec).values
    bf16 = options.defaults or options.measure
    model = load_in_4bit(options.model_folder, torch.bfloat16 if bf16 else torch.float32)
    if options.measure:
        disable_cpu_repacking(model)
        taught = PeftModel.from_pretrained(model, options.measure)
        told = measured(taught, options)
        with taught.disable_adapter():
            told["before"] = measured(taught, options)
        print(json.dumps(told))
        return
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        lora = LoraConfig(task_type="CAUSAL_LM") if options.defaults else lora_of(values)
        steps = {"max_steps": options.steps} if options.steps else {}
        trainer = SFTTrainer(
            model=model,
            processing_class=AutoTokenizer.from_pretrained(options.model_folder),
            train_dataset=read_dataset(options.spec.parent / TRAIN_FILE),
            peft_config=lora,
            callbacks=[clock],
            args=defaults(folder, **steps) if options.defaults else arguments(values, folder),
        )
        for parameter in trainer.model.parameters():
            if options.fp32 and parameter.requires_grad:
                parameter.data = parameter.data.float()
        trainer.train()
        tokens = tokens_in(trainer.state.log_history)
    start = len(clock.steps) // 5
    speed = (len(clock.steps) - 1 - start) / (clock.steps[-1] - clock.steps[start])
    told = {"steps_per_s": speed, "peak_bytes": peak_bytes(), "steps": len(clock.steps)}
    told |= {"seconds": clock.steps[-1] - clock.began, "tokens_per_s": tokens / (clock.steps[-1] - clock.began)}
    if options.defaults:
        told |= measured(trainer.model, options)
    print(json.dumps(told))


def tokens_in(history: Sequence[dict[str, float]]) -> float:
    """Tokens that were read in all, padding left out."""
    return max(entry.get("num_tokens", 0.0) for entry in history)


def measured(model: torch.nn.Module, options: argparse.Namespace) -> dict[str, Any]:
    """Loss on the rows set aside, and what the model answers to the first of them."""
    examples = load_examples(options.spec.parent / HELD_OUT_FILE)
    theirs = load_tokenizer(Path(options.model_folder))
    model.eval()
    disable_cpu_repacking(model)
    tokenizer = ChatTokenizer(theirs, model.config, model.generation_config)
    rows = tokenize_examples(examples, tokenizer, 512).rows
    asked = [[*(example.messages or ())][:-1] for example in examples[:ANSWERS]]
    return {"held_out_loss": loss_on(model, rows), "answers": [answer(model, theirs, chat) for chat in asked]}


@torch.no_grad()
def loss_on(model: torch.nn.Module, rows: Sequence[TokenizedExample]) -> float:
    total, count = 0.0, 0
    for row in rows:
        logits = model(input_ids=torch.tensor([row.input_ids]), use_cache=False).logits[0, :-1].float()
        total += torch.nn.functional.cross_entropy(logits, torch.tensor(row.labels[1:]), reduction="sum").item()
        count += row.num_loss_tokens
    return total / count


@torch.no_grad()
def answer(model: Any, tokenizer: Any, chat: list[dict[str, str]]) -> str:
    asked = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    said = model.generate(**asked, do_sample=False, max_new_tokens=24, pad_token_id=tokenizer.eos_token_id)
    return str(tokenizer.decode(said[0, asked["input_ids"].shape[1] :], skip_special_tokens=True))


def read_dataset(path: Path) -> Dataset:
    """Take each chat's last message as the completion, and what stands before it as the prompt."""
    rows = [item.messages or () for item in load_examples(path)]
    return Dataset.from_dict(
        {"prompt": [list(row[:-1]) for row in rows], "completion": [list(row[-1:]) for row in rows]}
    )


def load_in_4bit(model_folder: str, dtype: torch.dtype) -> PreTrainedModel:
    four_bit = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=["lm_head"],
    )
    return AutoModelForCausalLM.from_pretrained(model_folder, dtype=dtype, quantization_config=four_bit)


def lora_of(values: TrainingConfig) -> LoraConfig:
    return LoraConfig(
        r=values.r,
        lora_alpha=values.lora_alpha,
        lora_dropout=values.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def defaults(folder: str, **steps: int) -> SFTConfig:
    """TRL's own settings: batches of eight for three epochs, bf16, gradient checkpointing."""
    return SFTConfig(output_dir=folder, logging_steps=1, use_cpu=True, report_to=[], disable_tqdm=True, **steps)


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
    parser.add_argument("--defaults", action="store_true")
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--measure", default="")
    main(parser.parse_args())
