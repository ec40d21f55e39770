"""A frozen RMS norm as one operation: its way back is three passes and keeps no fp32 copy, where autograd takes ten."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class FrozenRMSNorm(torch.autograd.Function):
    """y = w · x / √(mean(x²) + eps) over the last axis, taken in fp32, with a weight that learns nothing."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        precise = x.float()
        scale = precise.square().mean(-1, keepdim=True).add_(eps).rsqrt_()
        ctx.save_for_backward(x, weight, scale)
        return weight * (precise * scale).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        x, weight, scale = ctx.saved_tensors
        grad, normed = (grad * weight).float(), x.float() * scale
        along = (grad * normed).mean(-1, keepdim=True)
        return grad.sub_(normed.mul_(along)).mul_(scale).to(x.dtype), None, None


def fuse_norms(model: nn.Module) -> int:
    """Let the norms that compute just this do so in one operation; returns how many do."""
    norms = [module for module in model.modules() if type(module).__name__.endswith("RMSNorm") and _is_plain(module)]
    for norm in norms:
        norm.forward = _fused(norm)
    return len(norms)


def _fused(norm: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    weight, eps = norm.weight, _eps(norm)

    def forward(x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = FrozenRMSNorm.apply(x, weight, eps)  # type: ignore[no-untyped-call]
        return y

    return forward


def _eps(norm: nn.Module) -> float | None:
    return getattr(norm, "variance_epsilon", getattr(norm, "eps", None))


@torch.no_grad()
def _is_plain(norm: nn.Module) -> bool:
    weight = getattr(norm, "weight", None)
    if not isinstance(weight, nn.Parameter) or weight.dim() != 1 or not isinstance(_eps(norm), float):
        return False
    probe = torch.linspace(-2, 3, 4 * len(weight), dtype=weight.dtype).view(4, -1)
    return torch.equal(norm(probe), _fused(norm)(probe))
