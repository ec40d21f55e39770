"""All adapters in use are concatenated along the rank axis into one `lora_A` and one `lora_B` per layer; a
(tokens, ranks) mask keeps each token to its own adapter's ranks.

So a layer costs two small products whatever the mix. A token of the base has no ranks and gets an exact zero added.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from playground.adapters.lora_load import LoraWeights
from playground.protocol.messages import BASE

LinearShapes = dict[str, tuple[int, int]]
"""(in_features, out_features) of each linear layer, by its name in the model."""

MIN_STACK_RANK = 16


@dataclass(frozen=True, slots=True)
class LoraSegment:
    """So many consecutive tokens go through one adapter."""

    adapter: str
    strength: float
    num_tokens: int

    @property
    def is_base(self) -> bool:
        return self.adapter == BASE or self.strength == 0


@dataclass(slots=True)
class _LayerStack:
    """Of one layer, for R ranks: `lora_A` (R, in) and `lora_B` (R, out), each adapter's scaling contained."""

    lora_A: torch.Tensor
    lora_B: torch.Tensor


@dataclass(frozen=True, slots=True)
class _RankMask:
    """For T tokens and R ranks: `foreign` (T, R) are the ranks that are not a token's own, `strength` (T, 1)."""

    foreign: torch.Tensor
    strength: torch.Tensor
    full_strength: bool
    """Whether every strength is 1."""


class LoraStack:
    """The adapters in use, each with a rank slice of its own; never more than `max_total_rank` ranks together."""

    def __init__(self, shapes: LinearShapes, device: torch.device, max_total_rank: int) -> None:
        self.max_total_rank = max_total_rank
        self._shapes = shapes
        self._device = device
        self._layers: dict[str, _LayerStack] = {}
        self._rank_slices: dict[str, range] = {}
        self._mask: _RankMask | None = None
        self._last: list[LoraSegment] = []
        self._last_mask: _RankMask | None = None
        self._viewed: set[str] = set()
        """The adapters that `_views` and `_total_rank` are of."""
        self._total_rank = 0
        self._views: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    def select(self, segments: Sequence[LoraSegment], used: set[str], adapters: Mapping[str, LoraWeights]) -> None:
        """Let the hooks send the tokens of the next pass through `used`, the adapters that `segments` name."""
        self._assign_ranks(used, adapters)
        if used != self._viewed:
            self._view(used, adapters)
        if self._last != segments:  # from token to token, those who stream go the same ways
            self._last, self._last_mask = list(segments), self._mask_of(segments)
        self._mask = self._last_mask

    def deselect(self) -> None:
        """Let the hooks leave everything as it is."""
        self._mask = None

    def remove(self, key: str) -> None:
        """Forget an adapter's ranks."""
        self._rank_slices.pop(key, None)

    def forward_hook(
        self, name: str, _module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor
    ) -> torch.Tensor | None:
        """`output` (1, T, out) plus the adapters' part, computed in fp32; None leaves it as it is."""
        mask = self._mask
        if mask is None or name not in self._views:
            return None
        lora_A, lora_B = self._views[name]
        states = nn.functional.linear(inputs[0].flatten(0, -2).to(lora_A.dtype), lora_A)
        states.masked_fill_(mask.foreign, 0.0)  # and not a product: what overflows in one adapter stays with its own
        if not mask.full_strength:
            states *= mask.strength
        if output.dtype == lora_B.dtype:
            return torch.addmm(output.flatten(0, -2), states, lora_B).view(output.shape)
        return output + (states @ lora_B).view(output.shape).to(output.dtype)

    def _assign_ranks(self, used: Collection[str], adapters: Mapping[str, LoraWeights]) -> None:
        """Give each adapter in use its ranks, in the lowest gap that is wide enough once idle ones have left."""
        missing = [key for key in used if key not in self._rank_slices]
        if not missing:
            return
        self._viewed = set()  # until the layers are looked at again: memory may run out on the way there
        self._rank_slices = {key: ranks for key, ranks in self._rank_slices.items() if key in used}
        if any(self._find_gap(adapters[key].max_rank).stop > self.max_total_rank for key in missing):
            self._rank_slices, missing = {}, list(used)  # the gaps are too small: move together
        for key in missing:
            ranks = self._find_gap(adapters[key].max_rank)
            self._fill(adapters[key], ranks)
            self._rank_slices[key] = ranks

    def _view(self, used: set[str], adapters: Mapping[str, LoraWeights]) -> None:
        """Look at no more ranks, and no more layers, than those in use reach."""
        self._last = []
        self._total_rank = total = max(self._rank_slices[key].stop for key in used)
        names = frozenset().union(*(adapters[key].layers for key in used))
        layers = {name: self._layer(name, total) for name in names}
        self._views = {name: (layer.lora_A[:total], layer.lora_B[:total]) for name, layer in layers.items()}
        self._viewed = used

    def _find_gap(self, rank: int) -> range:
        start = 0
        for taken in sorted(self._rank_slices.values(), key=lambda ranks: ranks.start):
            if taken.start - start >= rank:
                break
            start = max(start, taken.stop)
        return range(start, start + rank)

    def _fill(self, adapter: LoraWeights, ranks: range) -> None:
        for name in adapter.layers.keys() | self._layers.keys():
            stack = self._layer(name, ranks.stop)
            own = slice(ranks.start, ranks.stop)
            stack.lora_A[own] = 0
            stack.lora_B[own] = 0
            if layer := adapter.layers.get(name):
                own = slice(ranks.start, ranks.start + layer.A.shape[0])
                stack.lora_A[own] = layer.A
                stack.lora_B[own] = layer.B.T * layer.scaling

    def _layer(self, name: str, rank: int) -> _LayerStack:
        """The stack of a layer, with at least so many ranks."""
        stack = self._layers.get(name)
        have = stack.lora_A.shape[0] if stack else 0
        if stack is None or have < rank:
            size = max(rank, min(2 * have, self.max_total_rank), MIN_STACK_RANK)
            lora_A, lora_B = (torch.zeros(size, width, device=self._device) for width in self._shapes[name])
            if stack is not None:
                lora_A[:have], lora_B[:have] = stack.lora_A, stack.lora_B
            stack = self._layers[name] = _LayerStack(lora_A, lora_B)
        return stack

    def _mask_of(self, segments: Sequence[LoraSegment]) -> _RankMask:
        num_tokens = sum(segment.num_tokens for segment in segments)
        foreign = torch.ones(num_tokens, self._total_rank, dtype=torch.bool)
        strengths: list[float] = []
        for segment in segments:
            if not segment.is_base:
                ranks = self._rank_slices[segment.adapter]
                foreign[len(strengths) : len(strengths) + segment.num_tokens, ranks.start : ranks.stop] = False
            strengths += [segment.strength] * segment.num_tokens
        strength = torch.tensor(strengths, dtype=torch.float32)[:, None]
        return _RankMask(foreign.to(self._device), strength.to(self._device), set(strengths) == {1.0})
