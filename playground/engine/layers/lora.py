"""Ways to add the adapters' part to what a merged layer computes: `out += mask(states @ A.T) @ B`.

The adapters in use stand side by side along the rank axis, R ranks in all; `states` are (T, in), `out` (T, all outs).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn.functional import linear

from playground.engine.layers.kernels import Prepacked

_FEW_RANKS = 16
_FEW_TOKENS = 8
"""Up to so many of both, a product's own overhead outweighs its bytes, and fp32's is the least on CPUs."""
_MAX_PACKED_RANKS = 128
"""Beyond, the zeros of a block-diagonal `B` cost more than the calls it saves."""


@dataclass(frozen=True, slots=True)
class RankMask:
    """For T tokens and R ranks: `foreign` (T, 1, R) are the ranks that are not a token's own, `strength` (T, 1, 1)
    in fp32; None where it would change nothing."""

    foreign: torch.Tensor | None
    strength: torch.Tensor | None

    def apply(self, low: torch.Tensor, num_parts: int) -> torch.Tensor:
        """`low` (T, num_parts * R), in place."""
        ranks = low.view(len(low), num_parts, -1)
        if self.foreign is not None:
            ranks.masked_fill_(self.foreign, 0.0)  # not a product: what overflows in one adapter stays with its own
        if self.strength is not None:
            ranks *= self.strength
        return low


class LoraKernel(Protocol):
    """Of one merged layer, of which adapters are on P parts."""

    def __call__(self, states: torch.Tensor, out: torch.Tensor, mask: RankMask) -> torch.Tensor:
        """Return the sum; `out` may be written to."""
        ...


class PartByPart:
    """Each part's `B` by itself, in whatever precision the tables are."""

    def __init__(self, lora_A: torch.Tensor, lora_B: Sequence[tuple[slice, torch.Tensor]]) -> None:
        """`lora_A` (P * R, in); for each part where its outputs stand, and its `B` (R, outs)."""
        self._lora_A, self._lora_B = lora_A, lora_B
        self._num_ranks = len(lora_A) // len(lora_B)

    def __call__(self, states: torch.Tensor, out: torch.Tensor, mask: RankMask) -> torch.Tensor:
        low = mask.apply(linear(states.to(self._lora_A.dtype), self._lora_A), len(self._lora_B))
        for (columns, lora_B), ranks in zip(self._lora_B, torch.split(low, self._num_ranks, 1), strict=True):
            if out.dtype == lora_B.dtype:
                out[:, columns].addmm_(ranks, lora_B)
            else:
                out[:, columns] += ranks @ lora_B
        return out


class PackedLora:
    """Two calls of oneDNN: one for `A`, and one for a block-diagonal `B` that also adds."""

    def __init__(self, lora_A: torch.Tensor, lora_B: Sequence[tuple[slice, torch.Tensor]], num_outs: int) -> None:
        """As for `PartByPart`, and how many outputs the layer has."""
        ranks, self._num_parts = len(lora_A) // len(lora_B), len(lora_B)
        blocks = lora_A.new_zeros(num_outs, len(lora_A))
        for part, (columns, part_B) in enumerate(lora_B):
            blocks[columns, part * ranks : (part + 1) * ranks] = part_B.T
        self._lora_A, self._lora_B = Prepacked(lora_A, None), torch.ops.mkldnn._reorder_linear_weight(blocks, 1)

    def __call__(self, states: torch.Tensor, out: torch.Tensor, mask: RankMask) -> torch.Tensor:
        low = mask.apply(self._lora_A(states), self._num_parts)
        total: torch.Tensor = torch.ops.mkldnn._linear_pointwise.binary(low, out, self._lora_B, None, "add")
        return total


class FewOrMany:
    """One way for few tokens, another for more."""

    def __init__(self, few: LoraKernel, many: LoraKernel) -> None:
        self._few, self._many = few, many

    def __call__(self, states: torch.Tensor, out: torch.Tensor, mask: RankMask) -> torch.Tensor:
        return (self._few if len(states) <= _FEW_TOKENS else self._many)(states, out, mask)


def lora_kernel(
    lora_A: torch.Tensor, lora_B: Sequence[tuple[slice, torch.Tensor]], num_outs: int, dtype: torch.dtype
) -> LoraKernel:
    """Choose for fp32 tables as `PartByPart` takes them; `dtype` is what the layer computes in."""
    ranks = len(lora_A) // len(lora_B)
    narrow = lora_A.to(dtype), [(columns, one.to(dtype)) for columns, one in lora_B]
    packs = lora_A.device.type == "cpu" and dtype is torch.bfloat16 and Prepacked.supported(dtype)
    if not packs or ranks > _MAX_PACKED_RANKS:
        return PartByPart(*narrow)
    packed = PackedLora(*narrow, num_outs)
    return FewOrMany(PartByPart(lora_A, lora_B), packed) if ranks <= _FEW_RANKS else packed
