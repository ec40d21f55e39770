"""All adapters in use are concatenated along the rank axis into one `lora_A` and one `lora_B` per layer; a
(tokens, ranks) mask keeps each token to its own adapter's ranks.

So a layer costs few small products whatever the mix. A token of the base has no ranks and gets an exact zero added.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from playground.adapters.lora_load import LoraWeights
from playground.engine.layers.experts import ExpertLora, Experts
from playground.engine.layers.linear import MergedLinear
from playground.engine.layers.lora import LoraKernel, RankMask, lora_kernel
from playground.protocol.messages import BASE


@dataclass(frozen=True, slots=True)
class LoraSegment:
    """So many consecutive tokens go through one adapter."""

    adapter: str
    strength: float
    num_tokens: int

    @property
    def is_base(self) -> bool:
        return self.adapter == BASE or self.strength == 0


class LoraStack:
    """The adapters in use, each with a rank slice of its own; never more than `max_total_rank` ranks together."""

    def __init__(
        self,
        layers: Sequence[MergedLinear],
        experts: Sequence[Experts],
        device: torch.device,
        dtype: torch.dtype,
        max_ranks: int,
    ) -> None:
        """`dtype` is what the layers compute in."""
        self.max_total_rank = max_ranks
        self._layers, self._experts = layers, experts
        self._device = device
        self._dtype = torch.float32 if dtype is torch.float16 else dtype  # an adapter may hold more than fits in fp16
        self._kernels: list[tuple[MergedLinear, LoraKernel]] = []
        self._expert_loras: list[tuple[Experts, dict[str, ExpertLora]]] = []
        self._rank_slices: dict[str, slice] = {}
        self._total_rank = 0
        self._last: list[list[LoraSegment]] = []
        self._masks: dict[int, RankMask] = {}
        """By the number of tokens."""

    def select(
        self,
        segments: Sequence[LoraSegment],
        kept: Sequence[LoraSegment],
        used: set[str],
        adapters: Mapping[str, LoraWeights],
    ) -> None:
        """Let the layers send the tokens of the next pass through `used`, the adapters that `segments` name; `kept` are
        the tokens that are left once only logits are to be computed."""
        if used != self._rank_slices.keys():
            self._build(sorted(used), adapters)
        if self._last != (wanted := [list(kept), list(segments)]):  # from token to token, they go the same ways
            self._masks = self._masks_of(wanted)
            self._last = wanted
        for layer, kernel in self._kernels:
            layer.add_lora = partial(self._add, kernel)
        for experts, loras in self._expert_loras:
            experts.use(loras, self._masks.__getitem__)

    def deselect(self) -> None:
        """Let the layers be the base's own."""
        for layer, _ in self._kernels:
            layer.add_lora = None
        for experts, _ in self._expert_loras:
            experts.use_none()

    def forget(self, key: str) -> None:
        """Never answer from an adapter's tables again."""
        if key in self._rank_slices:
            self._clear()

    def _add(self, kernel: LoraKernel, states: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        return kernel(states, out, self._masks[len(states)])

    def _clear(self) -> None:
        self.deselect()
        self._kernels, self._expert_loras, self._rank_slices, self._last = [], [], {}, []

    def _build(self, used: Sequence[str], adapters: Mapping[str, LoraWeights]) -> None:
        """Put the adapters side by side; what was there before makes room first, for memory may run out here."""
        self._clear()
        slices, self._total_rank = {}, 0
        for key in used:
            slices[key] = slice(self._total_rank, self._total_rank + adapters[key].max_rank)
            self._total_rank = slices[key].stop
        chosen = {key: adapters[key] for key in used}
        kernels = [(layer, self._kernel_of(layer, chosen, slices)) for layer in self._layers]
        self._kernels = [(layer, kernel) for layer, kernel in kernels if kernel]
        loras = [(one, self._loras_of(one, chosen, slices)) for one in self._experts]
        self._expert_loras = [(one, found) for one, found in loras if found]
        self._rank_slices = slices

    def _kernel_of(
        self, layer: MergedLinear, adapters: Mapping[str, LoraWeights], slices: Mapping[str, slice]
    ) -> LoraKernel | None:
        """None where no adapter is on it."""
        outs = torch.tensor([0, *layer.out_features]).cumsum(0).tolist()
        parts = [
            (name, slice(first, last))
            for name, first, last in zip(layer.modules, outs, outs[1:], strict=False)
            if any(name in adapter.layers for adapter in adapters.values())
        ]
        if not parts:
            return None
        lora_A = self._zeros(len(parts), self._total_rank, layer.in_features)
        lora_B = [(columns, self._zeros(self._total_rank, columns.stop - columns.start)) for _, columns in parts]
        for key, adapter in adapters.items():
            for at, (name, _) in enumerate(parts):
                if weights := adapter.layers.get(name):
                    own = slice(slices[key].start, slices[key].start + len(weights.A))
                    lora_A[at, own] = weights.A
                    lora_B[at][1][own] = weights.B.T * weights.scaling
        return lora_kernel(lora_A.flatten(0, 1), lora_B, sum(layer.out_features), self._dtype)

    def _loras_of(
        self, experts: Experts, adapters: Mapping[str, LoraWeights], slices: Mapping[str, slice]
    ) -> dict[str, ExpertLora]:
        """By the parameter's name, where an adapter is on it."""
        found = {}
        for parameter, (wide, rows, many) in experts.sizes().items():
            name = f"{experts.name}.{parameter}"
            if not any(name in adapter.layers for adapter in adapters.values()):
                continue
            lora_A = self._zeros(many, wide, self._total_rank)
            lora_B = self._zeros(many, self._total_rank, rows)
            for key, adapter in adapters.items():
                if weights := adapter.layers.get(name):
                    own = slice(slices[key].start, slices[key].start + weights.rank)
                    lora_A[:, :, own] = weights.A.transpose(1, 2)
                    lora_B[:, own] = weights.B.transpose(1, 2) * weights.scaling
            found[parameter] = ExpertLora(lora_A.to(self._dtype), lora_B.to(self._dtype))
        return found

    def _zeros(self, *shape: int) -> torch.Tensor:
        return torch.zeros(shape, device=self._device)

    def _masks_of(self, wanted: Sequence[Sequence[LoraSegment]]) -> dict[int, RankMask]:
        """Where all go the same way, as many tokens as a layer may have: experts see some of them, or some twice."""
        ways = {(one.adapter, one.strength) for some in wanted for one in some}
        if len(ways) == 1 and len(self._rank_slices) == 1:
            ((_, strength),) = ways
            alike = RankMask(None, None if strength == 1.0 else torch.full((1, 1, 1), strength, device=self._device))
            return defaultdict(lambda: alike)
        return {sum(one.num_tokens for one in some): self._mask_of(some) for some in wanted}

    def _mask_of(self, segments: Sequence[LoraSegment]) -> RankMask:
        num_tokens = sum(segment.num_tokens for segment in segments)
        foreign = torch.ones(num_tokens, self._total_rank, dtype=torch.bool)
        strengths: list[float] = []
        for segment in segments:
            if not segment.is_base:
                foreign[len(strengths) : len(strengths) + segment.num_tokens, self._rank_slices[segment.adapter]] = (
                    False
                )
            strengths += [segment.strength] * segment.num_tokens
        strength = torch.tensor(strengths)[:, None, None].to(self._device)
        return RankMask(
            foreign[:, None].to(self._device) if foreign.any() else None, None if set(strengths) == {1.0} else strength
        )
