"""The experts of one layer, which are one parameter for all: as transformers runs them, and with adapters in its own
steps, between which each token's part is added.

Without an adapter nothing but transformers' code runs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers.integrations.moe import _grouped_linear, _grouped_mm

from playground.engine.layers.lora import RankMask
from playground.models.experts import are_experts, expert_sizes

_ALIGNED_RANKS = 8
"""The grouped product of GPUs takes rows of multiples of 16 bytes."""

MaskOf = Callable[[int], RankMask]
"""Of so many tokens, which rank is whose."""


@dataclass(frozen=True, slots=True)
class ExpertLora:
    """The adapters in use on one parameter: A (experts, in, ranks) and B (experts, ranks, out), scaling contained."""

    A: torch.Tensor
    B: torch.Tensor

    def add(self, out: torch.Tensor, states: torch.Tensor, ends: torch.Tensor, mask: RankMask) -> torch.Tensor:
        """To `out` (S, out) what the adapters make of `states` (S, in), whose rows are sorted by expert."""
        low = mask.apply(_product(states.to(self.A.dtype), self.A, ends), 1)
        return out + _product(low, self.B, ends).to(out.dtype)


class Experts:
    """Those of one layer. `lora` is by the parameter's name; None: the base itself."""

    def __init__(self, name: str, module: nn.Module) -> None:
        self.name = name
        self._module: Any = module
        self._own = module.forward
        self._lora: tuple[Mapping[str, ExpertLora], MaskOf] | None = None
        module.forward = self.forward

    def use(self, lora: Mapping[str, ExpertLora], mask_of: MaskOf) -> None:
        """Send tokens through these adapters from now on."""
        self._lora = lora, mask_of

    def use_none(self) -> None:
        """Be the base's own."""
        self._lora = None

    @property
    def num_experts(self) -> int:
        found: int = self._module.down_proj.shape[0]
        return found

    def sizes(self) -> dict[str, tuple[int, int, int]]:
        """(in_features, out_features, how many experts) of each parameter that LoRA may be on."""
        return expert_sizes(self._module)

    def forward(self, states: torch.Tensor, *routing: torch.Tensor, **named: torch.Tensor) -> torch.Tensor:
        """`states` (T, hidden); for each token its experts and their weights (T, K)."""
        if self._lora is None:
            out: torch.Tensor = self._own(states, *routing, **named)
            return out
        lora, mask_of = self._lora
        index, weights = (*routing, *named.values())
        experts, order = torch.sort(index.reshape(-1), stable=True)
        tokens = order // index.shape[-1]
        ends = torch.bincount(experts, minlength=self.num_experts).cumsum(0).to(torch.int32)
        mask = _of_rows(mask_of(len(states)), tokens)
        module, rows = self._module, states[tokens]
        out = self._product("gate_up_proj" if module.has_gate else "up_proj", rows, experts, ends, lora, mask)
        out = module._apply_gate(out) if module.has_gate else module.act_fn(out)
        out = self._product("down_proj", out, experts, ends, lora, mask)
        if module.has_post_expert_norm:
            out = module.post_expert_norm(out)
        out = out * weights.reshape(-1)[order].unsqueeze(-1)
        back = torch.empty_like(order)
        back[order] = torch.arange(len(order), device=order.device)
        return out[back].view(*index.shape, -1).sum(1).to(states.dtype)

    def _product(
        self,
        name: str,
        rows: torch.Tensor,
        experts: torch.Tensor,
        ends: torch.Tensor,
        lora: Mapping[str, ExpertLora],
        mask: RankMask,
    ) -> torch.Tensor:
        module = self._module
        bias = getattr(module, f"{name}_bias")[experts] if module.has_bias else None
        out: torch.Tensor = _grouped_linear(rows, getattr(module, name), ends, bias, module.is_transposed)
        return lora[name].add(out, rows, ends, mask) if name in lora else out


def find_experts(model: nn.Module) -> list[Experts]:
    """Those that transformers runs by its common steps."""
    return [Experts(name, module) for name, module in list(model.named_modules()) if are_experts(module)]


def _of_rows(mask: RankMask, tokens: torch.Tensor) -> RankMask:
    """Of the rows that these tokens have; what is one for all stays so."""
    foreign, strength = mask.foreign, mask.strength
    return RankMask(
        foreign if foreign is None else foreign[tokens],
        strength if strength is None or len(strength) == 1 else strength[tokens],
    )


def _product(states: torch.Tensor, weight: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    """Each expert's rows times its own matrix; the i-th expert's end before row `ends[i]`."""
    ranks = min(weight.shape[1:])
    if states.device.type == "cuda" and ranks % _ALIGNED_RANKS == 0:
        found: torch.Tensor = _grouped_mm(states, weight, ends)
        return found
    found = torch.ops.transformers.grouped_mm_fallback(states, weight, ends)
    return found
