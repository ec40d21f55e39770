"""A model that is stored in 4 bits, in 16 instead: an adapter cannot be worked into packed weights."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

_CONFIG = "config.json"


@contextmanager
def dequantized(model: Path, beside: Path) -> Iterator[Path]:
    """A folder with the configuration and the weights of `model` in bf16, in `beside` for as long as it is needed."""
    with TemporaryDirectory(dir=beside) as folder:
        stored = json.loads((model / _CONFIG).read_text(encoding="utf-8"))
        stored.pop("quantization_config")
        (Path(folder) / _CONFIG).write_text(json.dumps(stored), encoding="utf-8")
        save_file(_weights(model), Path(folder) / "model.safetensors", {"format": "pt"})
        yield Path(folder)


def _weights(model: Path) -> dict[str, torch.Tensor]:
    """By the names of an unquantized model's files; a tied output head is not stored."""
    loaded = AutoModelForCausalLM.from_pretrained(
        model, dtype=torch.bfloat16, use_safetensors=True, local_files_only=True, trust_remote_code=False
    )
    weights = {name: parameter.data for name, parameter in loaded.named_parameters()}
    for name, layer in loaded.named_modules():
        if isinstance(layer, Linear4bit):
            full = dequantize_4bit(layer.weight.data, layer.weight.quant_state)
            weights[f"{name}.weight"] = full.to(torch.bfloat16)
    return weights
