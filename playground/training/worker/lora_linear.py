"""A linear layer and its LoRA in one operation: computed in the base's precision, learnt in the adapter's own.

PEFT takes the adapter's share in fp32 on a base in bf16, with eight passes over tensors as large as the layer's output.
"""

from collections.abc import Callable
from typing import Any

import torch
from peft.tuners.lora import Linear
from torch import nn


class LoraLinear(torch.autograd.Function):
    """y = x Wᵀ + bias + scaling (x Aᵀ) Bᵀ with a frozen W; x is [..., in], W [out, in], A [r, in], B [out, r]."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        lora_a: torch.Tensor,
        lora_b: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        rows = x.reshape(-1, x.shape[-1])
        a, b = lora_a.to(x.dtype), lora_b.to(x.dtype)
        low = rows @ a.t()
        y = nn.functional.linear(rows, weight, bias).addmm_(low, b.t(), alpha=scaling)
        ctx.save_for_backward(rows, weight, a, b, low)
        ctx.scaling, ctx.shape, ctx.learnt = scaling, x.shape, lora_a.dtype
        return y.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        rows, weight, a, b, low = ctx.saved_tensors
        grad = grad.reshape(-1, grad.shape[-1])
        low_grad = (grad @ b).mul_(ctx.scaling)
        grad_b = (grad.t() @ low).to(ctx.learnt).mul_(ctx.scaling)
        grad_a = (low_grad.t() @ rows).to(ctx.learnt)
        grad_x = (grad @ weight).addmm_(low_grad, a).view(ctx.shape) if ctx.needs_input_grad[0] else None
        return grad_x, None, None, grad_a, grad_b, None


def fuse_lora(model: nn.Module) -> int:
    """Let the layers that PEFT has put LoRA on compute so, where they are plain ones; returns how many do."""
    layers = [module for module in model.modules() if isinstance(module, Linear) and _is_plain(module)]
    for layer in layers:
        layer.forward = _fused(layer)
    return len(layers)


def _is_plain(layer: Linear) -> bool:
    base = layer.get_base_layer()
    alone = layer.active_adapters == list(layer.lora_A) and len(layer.lora_A) == 1
    plain = type(base) is nn.Linear and not base.weight.requires_grad and not layer.lora_variant
    return alone and plain and all(isinstance(one, nn.Identity) for one in layer.lora_dropout.values())


def _fused(layer: Linear) -> Callable[[torch.Tensor], torch.Tensor]:
    (name,) = layer.active_adapters
    plain: Callable[[torch.Tensor], torch.Tensor] = layer.forward
    base, lora_a, lora_b = layer.get_base_layer(), layer.lora_A[name], layer.lora_B[name]

    def forward(x: torch.Tensor) -> torch.Tensor:
        if layer.disable_adapters or layer.merged:
            return plain(x)
        y: torch.Tensor = LoraLinear.apply(  # type: ignore[no-untyped-call]
            x, base.weight, base.bias, lora_a.weight, lora_b.weight, layer.scaling[name]
        )
        return y

    return forward
