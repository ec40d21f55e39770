"""Adapters for models that are loaded already, however they are stored."""

import copy
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model

from playground.models.loader import LoadedModel


def adapter_for(loaded: LoadedModel, folder: Path, seed: int = 1, **options: object) -> Path:
    """A real PEFT adapter on a copy of the model, with weights that change the answers clearly."""
    torch.manual_seed(seed)
    settings: dict[str, object] = {"r": 4, "lora_alpha": 8, "task_type": "CAUSAL_LM", "init_lora_weights": False}
    settings["target_modules"] = list(loaded.info.linear_modules)
    get_peft_model(copy.deepcopy(loaded.model), LoraConfig(**(settings | options))).save_pretrained(folder)
    return folder
