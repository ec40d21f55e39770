"""How a frozen base computes while a LoRA learns beside it on the CPU."""

import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from torch import nn
from transformers import PreTrainedModel

from playground.memory import free_beside
from playground.training.worker.rms_norm import fuse_norms
from playground.training.worker.short_attention import use_short_attention

UNFOLDED_SHARE = 1 / 4
"""Of the free memory, what 4-bit weights may take in full."""
MIN_BF16_PARAMETERS = 50_000_000
"""bf16 halves the steps of a model of 135 million parameters, and takes a tenth off those of one of 5 million, whose
rounding is not worth that."""


def prepare_base(model: PreTrainedModel) -> None:
    """Unfold 4-bit weights once instead of at every step, compute in bf16 where the CPU has instructions for it, and
    take attention and norms in fewer operations.

    The weights are, bit for bit, what the 4-bit ones stand for, rounded where a model in fp32 becomes one in bf16.
    Weights that do not fit `UNFOLDED_SHARE` stay in 4 bits; a model with 8-bit layers or on a GPU stays as it is.
    """
    if model.device.type != "cpu" or getattr(model, "is_loaded_in_8bit", False):
        return
    use_short_attention(model)
    dtype = _dtype_of(model)
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, Linear4bit)}
    size = sum(layer.in_features * layer.out_features * dtype.itemsize for layer in layers.values())
    if size > UNFOLDED_SHARE * free_beside():
        return
    for name, layer in layers.items():
        model.set_submodule(name, _unfolded(layer, dtype))
    if layers:
        model.is_loaded_in_4bit = model.is_quantized = False  # or PEFT and TRL would look for 4-bit layers
    for parameter in model.parameters():  # the tables of positions are none, and stay in fp32
        parameter.data = parameter.data.to(dtype)
    fuse_norms(model)


def _dtype_of(model: PreTrainedModel) -> torch.dtype:
    cpu = torch.cpu.get_capabilities()
    fast_in_bf16 = cpu.get("avx512_bf16", False) or cpu.get("bf16", False)
    return torch.bfloat16 if fast_in_bf16 and model.num_parameters() >= MIN_BF16_PARAMETERS else model.dtype


def _unfolded(layer: Linear4bit, dtype: torch.dtype) -> nn.Linear:
    plain = nn.Linear(layer.in_features, layer.out_features, bias=False, device="meta")
    weight = dequantize_4bit(layer.weight.data, layer.weight.quant_state).to(dtype)
    plain.weight = nn.Parameter(weight, requires_grad=False)
    plain.bias = layer.bias
    return plain
