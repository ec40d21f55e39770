"""Muon: momentum whose matrices are made orthogonal, which learns in fewer steps than Adam does.

Source: Keller Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024. Written here in single
precision, since torch.optim.Muon works in bfloat16, which is slow on processors without such instructions.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch


class Muon(torch.optim.Optimizer):
    """For the two-dimensional weights of hidden layers only; embeddings and norms want Adam."""

    def __init__(
        self, params: Iterable[torch.nn.Parameter], lr: float = 0.02, momentum: float = 0.95, weight_decay: float = 0.01
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, group)

    def _move(self, weight: torch.nn.Parameter, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        assert weight.grad is not None  # noqa: S101 - checked by step, said again for the type checker
        state["momentum"].lerp_(weight.grad, 1 - group["momentum"])
        update = orthogonal(weight.grad.lerp(state["momentum"], group["momentum"]))
        scale = max(1.0, weight.shape[0] / weight.shape[1]) ** 0.5
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(update, alpha=-group["lr"] * scale)


def orthogonal(matrix: torch.Tensor, rounds: int = 5) -> torch.Tensor:
    """Bring the singular values of a (rows, columns) matrix near 1 by Newton and Schulz's iteration."""
    wide: torch.Tensor = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / (wide.norm() + 1e-7)
    for _ in range(rounds):
        square = wide @ wide.T
        wide = 3.4445 * wide + (-4.775 * square + 2.0315 * square @ square) @ wide
    return wide.T if matrix.shape[0] > matrix.shape[1] else wide
