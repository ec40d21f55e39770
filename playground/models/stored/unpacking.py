"""Checkpoints in a packed format that transformers can unpack on any machine: unpacked while they are loaded, so that
they are taught and quantized as any other."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from transformers import PretrainedConfig, PreTrainedModel

from playground.errors import ModelError
from playground.memory import free_beside
from playground.models.quantized_cache import Loaded

_STORED_BYTES = 2
"""A weight that is unpacked, in bf16."""


def check_memory(name: str, packing: str, num_parameters: int) -> None:
    """Raise `ModelError` where the unpacked weights would not go into the memory."""
    needed, free = num_parameters * _STORED_BYTES, free_beside()
    if needed > free:
        raise ModelError(
            "To unpack {model}, which is stored as {packing}, takes {needed} GB of memory for a while, and {free} GB "
            "are free.",
            model=name,
            packing=packing.upper(),
            needed=f"{needed / 10**9:.1f}",
            free=f"{free / 10**9:.1f}",
        )


def load_unpacked(
    load: Callable[..., Loaded],
    config: PretrainedConfig,
    options: Mapping[str, Any],
    dtype: torch.dtype,
    quantization: Any = None,
) -> Loaded:
    """Load on the CPU as plain weights with `load`, which is `from_pretrained` of a folder, then once more from there
    as `options` and `quantization` say."""
    config.quantization_config["dequantize"] = True
    model, loading = load(config=config, dtype=torch.bfloat16, device_map={"": "cpu"})
    model.hf_quantizer, model.is_quantized = None, False
    vars(model.config).pop("quantization_config", None)
    plain, named = model.state_dict(), model.config._name_or_path
    asked = {name: value for name, value in options.items() if name != "key_mapping"} | {"dtype": dtype}
    if quantization is not None:
        asked["quantization_config"] = quantization
    made: PreTrainedModel
    made, _ = type(model).from_pretrained(None, config=model.config, state_dict=plain, **asked)
    made.generation_config, made.config._name_or_path = model.generation_config, named
    return made, loading
