"""Writes a trained model as a folder that loads everywhere: bf16 safetensors, tokenizer, and its settings."""

import json
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import torch
from transformers import GenerationConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from playground.starter.card import SOURCES
from playground.starter.tokenizer import END_OF_TEXT, END_OF_TURN
from playground.starter.train import Progress, Recipe

MAX_SHARD_SIZE = "15MB"


def export(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    data: Path,
    recipe: Recipe,
    progress: Progress,
    folder: Path,
) -> None:
    """Save the weights in bf16, with `recipe.json`: how they came about, and the hashes of what they are made of."""
    folder.mkdir(parents=True, exist_ok=True)
    ends = [tokenizer.convert_tokens_to_ids(token) for token in (END_OF_TURN, END_OF_TEXT)]
    model.generation_config = GenerationConfig(eos_token_id=ends, pad_token_id=ends[1], bos_token_id=ends[1])
    model.to(torch.bfloat16).save_pretrained(str(folder), max_shard_size=MAX_SHARD_SIZE)
    tokenizer.save_pretrained(str(folder))
    record = {"recipe": asdict(recipe), "progress": asdict(progress), "data": hashes(data)}
    (folder / "recipe.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def hashes(data: Path) -> dict[str, str]:
    """SHA-256 of every file that the recipe reads, by its path in the data folder."""
    return {name: sha256((data / name).read_bytes()).hexdigest() for name, *_ in SOURCES}
