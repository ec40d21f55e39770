"""A model that is stored packed, in 16 bits instead: an adapter cannot be worked into packed weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from playground.models.stored.original import UNPACKED
from playground.models.stored.text_part import read_stored

_ONE_FILE = "1TB"


@contextmanager
def dequantized(model: Path, beside: Path) -> Iterator[Path]:
    """A folder with the configuration and the weights of `model` in bf16, in `beside` for as long as it is needed."""
    with TemporaryDirectory(dir=beside) as folder:
        _loaded(model).save_pretrained(folder, max_shard_size=_ONE_FILE)
        yield Path(folder)


def _loaded(folder: Path) -> PreTrainedModel:
    stored = read_stored(folder)
    if stored.packing in UNPACKED:
        stored.config.quantization_config["dequantize"] = True
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        folder,
        config=stored.config,
        key_mapping=stored.renamed or None,
        dtype=torch.bfloat16,
        device_map={"": "cpu"},
        use_safetensors=True,
        local_files_only=True,
        trust_remote_code=False,
    )
    for name, layer in list(model.named_modules()):
        if isinstance(layer, Linear4bit):
            plain = nn.Linear(layer.in_features, layer.out_features, bias=False, device="meta")
            full = dequantize_4bit(layer.weight.data, layer.weight.quant_state)
            plain.weight, plain.bias = nn.Parameter(full.to(torch.bfloat16), requires_grad=False), layer.bias
            model.set_submodule(name, plain)
    model.hf_quantizer, model.is_quantized = None, False
    vars(model.config).pop("quantization_config", None)
    model._weight_conversions = None  # a part for text would be stored by the names that the whole has for it
    nn.Module.to(model, torch.bfloat16)  # transformers' own refuses to cast what was loaded quantized
    return model
