"""Which layers of a model 4-bit and 8-bit kernels can take, seen before any weight is loaded."""

import logging
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

import torch
from torch import nn
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PretrainedConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from playground.errors import ModelError
from playground.models.experts import are_experts, expert_sizes
from playground.protocol.model import Quantization

logging.getLogger("bitsandbytes.backends.cpu.ops").addFilter(lambda record: "gemm_4bit_forward" not in str(record.msg))
# What it says while it is imported, on CPUs with AVX512-BF16, is to install a package that would fetch a kernel.
import bitsandbytes  # noqa: E402

bnb = bitsandbytes
"""For whoever wants it: imported elsewhere first, it would say that."""

BLOCK = 64
"""Weights of one row share a scale in blocks of this many, so a row must be a multiple of it."""
ROWS = 32
"""The CPU kernel takes output rows in groups of this many; others stop the process at the first token."""

_REPACKING_FLAG = "support_avx512bf16_for_cpu"

SMALL_MODEL_PARAMETERS = 50_000_000


@dataclass(frozen=True, slots=True)
class QuantizationPlan:
    """How to load a model: `config` is None where nothing is to be quantized, be it stored so already or to stay as it
    is; `dtype` is that of everything not quantized."""

    config: BitsAndBytesConfig | None
    dtype: torch.dtype
    quantization: Literal["4bit", "8bit", "none"]
    """What becomes of the layers that allow it."""


def plan_quantization(config: PretrainedConfig, quantization: Quantization, device: torch.device) -> QuantizationPlan:
    """Decide from the layers' widths alone.

    `auto` takes 4-bit for the layers that allow it and leaves the others as they are; a model that is stored in 4 bits
    stays so. Raises `ModelError` where `4bit` or `8bit` is asked for and no layer allows it, or where another precision
    is asked for than the one that it is stored in.
    """
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    dtype = plain_dtype(sum(p.numel() for p in model.parameters()), device)
    if is_stored_in_4bit(config):
        if quantization in ("8bit", "none"):
            raise ModelError(
                "This model is stored in 4 bits and cannot be loaded otherwise. Set PLAYGROUND_QUANTIZATION to auto or "
                "4bit, or choose its unquantized version."
            )
        config.quantization_config["bnb_4bit_compute_dtype"] = str(dtype).removeprefix("torch.")
        return QuantizationPlan(None, dtype, "4bit")
    if quantization == "none":
        return QuantizationPlan(None, dtype, "none")
    widths = _linear_widths(model)
    fits = [name for name, (wide, rows) in widths.items() if quantization == "8bit" or _fits_4bit(wide, rows)]
    if not fits and quantization == "auto":
        return QuantizationPlan(None, dtype, "none")
    if not fits:
        raise ModelError(
            "This model has no layer that {bits}-bit loading can take (widths must be multiples of {block}). "
            "Set PLAYGROUND_QUANTIZATION to auto or none.",
            bits=quantization[0],
            block=BLOCK,
        )
    kept = [name for name, _ in model.named_modules() if name and name not in fits and _is_linear(model, name)]
    if quantization == "8bit":
        return QuantizationPlan(BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=kept), dtype, "8bit")
    four_bit = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=kept,
    )
    return QuantizationPlan(four_bit, dtype, "4bit")


def is_stored_in_4bit(config: PretrainedConfig) -> bool:
    """Whether the weights lie on the disk as bitsandbytes' 4 bits, as `save_pretrained` writes a quantized model."""
    stored = getattr(config, "quantization_config", None) or {}
    return stored.get("quant_method") == "bitsandbytes" and bool(stored.get("load_in_4bit"))


def cast_unquantized(model: nn.Module, dtype: torch.dtype) -> None:
    """Let a model that is stored in 4 bits compute in `dtype`: transformers leaves everything in it as it is stored."""
    for parameter in model.parameters():
        state = getattr(parameter, "quant_state", None)
        if state is not None:
            state.dtype = dtype
        elif parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype)


def weight_shapes(model: nn.Module) -> list[tuple[int, ...]]:
    """The shape of every weight as it would be unquantized: (out, in) of a 4-bit one, which is packed."""
    states = [(parameter, getattr(parameter, "quant_state", None)) for parameter in model.parameters()]
    return [tuple(state.shape if state else parameter.shape) for parameter, state in states]


def plain_dtype(parameters: int, device: torch.device) -> torch.dtype:
    """fp32 for small models on the CPU, where it is both exact and fastest; 16 bits where memory speed counts.

    A CPU without instructions for bf16 computes in it many times slower than in fp32.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    cpu = torch.cpu.get_capabilities()
    fast_in_bf16 = cpu.get("avx512_bf16", False) or cpu.get("bf16", False)
    return torch.bfloat16 if fast_in_bf16 and parameters > SMALL_MODEL_PARAMETERS else torch.float32


def _fits_4bit(in_features: int, out_features: int) -> bool:
    return in_features % BLOCK == 0 and out_features % ROWS == 0


def is_plain_linear(module: nn.Module) -> TypeGuard[nn.Linear | Conv1D]:
    """Whether it is a linear layer and no more: experts' routers are made of one too, and choose."""
    if type(module).forward in (nn.Linear.forward, bnb.nn.Linear4bit.forward, bnb.nn.Linear8bitLt.forward):
        return True
    if not isinstance(module, nn.Linear | Conv1D):
        return False
    with torch.inference_mode():
        wide = module.nx if isinstance(module, Conv1D) else module.in_features
        return isinstance(type(module).forward(module, module.weight.new_zeros(1, wide)), torch.Tensor)


def _is_linear(model: nn.Module, name: str) -> bool:
    return isinstance(model.get_submodule(name), (nn.Linear, Conv1D))


_SCANNING = ("falcon_h1", "mamba", "mamba2", "falcon_mamba", "nemotron_h")
_SCANNED = ("out_proj",)
"""In these families a kernel reads this layer's weight past the layer."""
_EXPERTS = ("gate_up_proj", "down_proj", "gate_proj", "up_proj")
_EXPERT_LAYERS = ("gate", "gate_proj", "up_proj", "down_proj", "w1", "w2", "w3")
"""Where all experts are one parameter, PEFT takes these names for theirs, whatever layers have them too."""


def _linear_widths(model: PreTrainedModel) -> dict[str, tuple[int, int]]:
    """(in_features, out_features) of each linear layer but the output head, which stays as it is."""
    head = model.get_output_embeddings()
    widths: dict[str, tuple[int, int]] = {}
    for name, module in model.named_modules():
        if module is head or not is_plain_linear(module):
            continue
        if isinstance(module, nn.Linear):
            widths[name] = (module.in_features, module.out_features)
        else:
            widths[name] = (module.nx, module.nf)
    return widths


def lora_widths(model: PreTrainedModel) -> dict[str, int]:
    """How many numbers one rank of an adapter has on all linear layers of a name, by what `target_modules` calls them.

    The output head is none of them, nor is what PEFT would take for something else.
    """
    found: dict[str, int] = {}
    left_out = _names_without_lora(model)
    for name, widths in _linear_widths(model).items():
        last = name.rpartition(".")[2]
        if last not in left_out and not last.isdigit():  # a number is the name of whole layers too
            found[last] = found.get(last, 0) + sum(widths)
    return found


def expert_widths(model: PreTrainedModel) -> dict[str, int]:
    """The same of experts' parameters, by what `target_parameters` calls them."""
    found: dict[str, int] = {}
    for module in model.modules():
        if are_experts(module):
            for name, (wide, rows, many) in expert_sizes(module).items():
                found[name] = found.get(name, 0) + many * (wide + rows)
    return found


def _names_without_lora(model: PreTrainedModel) -> set[str]:
    """Source: PEFT 0.19, `tuners_utils._check_lora_target_modules_mamba` and
    `transformers_weight_conversion._MOE_TARGET_MODULE_MAPPING`."""
    names = set(_SCANNED) if model.config.model_type in _SCANNING else set()
    experts = any(name.endswith(_EXPERTS) and one.dim() == 3 for name, one in model.named_parameters())
    return names | set(_EXPERT_LAYERS) if experts else names


def memory_bytes(model: PreTrainedModel) -> int:
    """What a model's weights take, with the scales of 4-bit ones, which transformers does not count."""
    states = [getattr(parameter, "quant_state", None) for parameter in model.parameters()]
    return int(model.get_memory_footprint()) + sum(_scale_bytes(state) for state in states if state)


def _scale_bytes(state: Any) -> int:
    nested = _scale_bytes(state.state2) if state.nested else 0
    return int(state.absmax.nbytes) + nested


def disable_cpu_repacking(model: nn.Module) -> None:
    """Keep 4-bit weights in the layout they were loaded in; call before the first forward pass of a training.

    On CPUs with AVX512-BF16, bitsandbytes re-packs each weight at its first inference, after which gradients are
    silently wrong and `state_dict()` corrupts the weights.
    """
    for module in model.modules():
        if hasattr(module, _REPACKING_FLAG):
            setattr(module, _REPACKING_FLAG, False)
