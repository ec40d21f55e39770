"""LoRA on the live model: each token of a forward pass goes through the adapter of its own request.

The base's modules are watched, never replaced, and its weights are neither read nor written: on the CPU, 4-bit
weights are re-packed at the first inference, after which any `state_dict()` (PEFT's loading makes one) would corrupt
them silently. A pass without an adapter runs exactly the operations of the untouched model.

The weights of all adapters in use lie side by side in one pair of stack for each layer, one adapter in some of its
columns. So a layer costs two small products whatever the mix, with a mask between them that leaves each token its own
adapter's columns, times its strength; a token of the base has none and gets an exact zero added.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from playground.adapters.lora_load import LinearShapes, LoraWeights, read_adapter
from playground.errors import AdapterError
from playground.protocol.messages import BASE

ADAPTER_CACHE_BYTES = 2**30
"""What resident adapters may take in all; beyond it the one used longest ago leaves memory."""
MIN_STACK_RANK = 16
MIN_TOTAL_RANK = 512
"""Columns that are there for adapters in use whatever the budget: two of the largest rank."""


@dataclass(frozen=True, slots=True)
class LoraSegment:
    """So many consecutive tokens go through one adapter."""

    adapter: str
    strength: float
    num_tokens: int


@dataclass(slots=True)
class _LayerStack:
    """Of one layer, for C columns: `down` (C, in) and `up` (C, out), in which each adapter's scaling is contained."""

    lora_A: torch.Tensor
    lora_B: torch.Tensor


@dataclass(frozen=True, slots=True)
class _Mask:
    """For T tokens and C columns: `foreign` (T, C) are the columns that are not a token's own, `strength` (T, 1)."""

    foreign: torch.Tensor
    strength: torch.Tensor
    full_strength: bool
    """Whether every strength is 1."""


class MultiLora:
    """The adapters of one model. Only the engine's thread may apply, add and remove; `known` may be asked anywhere."""

    def __init__(self, model: PreTrainedModel, device: torch.device, cache_bytes: int = ADAPTER_CACHE_BYTES) -> None:
        head = model.get_output_embeddings()  # it is asked for a few tokens of a pass only, so nothing can be added
        modules = {name: module for name, module in model.named_modules() if module is not head}
        self.shapes: LinearShapes = {
            name: width for name, module in modules.items() if (width := _linear_shape(module))
        }
        self._modules = {name: modules[name] for name in self.shapes}
        self._device = device
        self._budget = cache_bytes
        bytes_per_rank = 4 * sum(wide + rows for wide, rows in self.shapes.values())
        self._max_total_rank = max(MIN_TOTAL_RANK, cache_bytes // max(1, bytes_per_rank))
        self._sizes: dict[str, tuple[int, int]] = {}
        """Of each known adapter, the bytes that it takes and its columns."""
        self._folders: dict[str, Path] = {}
        self._resident: OrderedDict[str, LoraWeights] = OrderedDict()
        self._hooks: dict[str, RemovableHandle] = {}
        self._stacks: dict[str, _LayerStack] = {}
        self._rank_slices: dict[str, range] = {}
        self._mask: _Mask | None = None
        self._last: list[LoraSegment] = []
        self._last_mask: _Mask | None = None
        self._viewed: set[str] = set()
        """The adapters that `_views` and `_total_rank` are of."""
        self._total_rank = 0
        self._views: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    @property
    def resident(self) -> tuple[str, ...]:
        return tuple(self._resident)

    def known(self, key: str) -> bool:
        return key == BASE or key in self._folders

    def read(self, folder: Path) -> LoraWeights:
        """Read and check an adapter; safe in any thread. Raises `AdapterError`."""
        adapter = read_adapter(folder, self.shapes, self._device)
        if adapter.size_bytes > self._budget:
            raise AdapterError(
                "The adapter takes {size} MiB of memory; at most {most} are there for adapters.",
                size=adapter.size_bytes // 2**20,
                most=self._budget // 2**20,
            )
        return adapter

    def evict_until_fits(self, size_bytes: int, in_use: Collection[str]) -> bool:
        """Drop adapters from memory, those used longest ago first and never one in use, until this size fits."""
        if size_bytes + sum(self._resident[key].size_bytes for key in self._resident if key in in_use) > self._budget:
            return False
        idle = [key for key in self._resident if key not in in_use]
        while self._used() + size_bytes > self._budget:
            self._forget(idle.pop(0))
        return True

    def add(self, key: str, folder: Path, adapter: LoraWeights) -> None:
        """Make an adapter resident under `key`; room has been made."""
        for name in adapter.layers.keys() - self._hooks.keys():
            self._hooks[name] = self._modules[name].register_forward_hook(partial(self._add, name))
        self._folders[key] = folder
        self._sizes[key] = adapter.size_bytes, adapter.max_rank
        self._rank_slices.pop(key, None)
        self._resident[key] = adapter
        self._resident.move_to_end(key)

    def ensure_resident(self, key: str, in_use: Collection[str]) -> bool:
        """Bring an adapter back that had to leave memory; False when there is no room yet. Raises `AdapterError`."""
        if key == BASE:
            return True
        if key not in self._folders:
            raise AdapterError("There is no adapter '{adapter}' any more. Choose another.", adapter=key)
        if sum(self._sizes[one][1] for one in {*in_use, key} if one in self._sizes) > self._max_total_rank:
            return False
        if key in self._resident:
            return True
        if not self.evict_until_fits(self._sizes[key][0], in_use):  # before anything is read
            return False
        adapter = self.read(self._folders[key])
        self.add(key, self._folders[key], adapter)
        return True

    def remove(self, key: str) -> None:
        """Forget an adapter altogether."""
        self._folders.pop(key, None)
        self._sizes.pop(key, None)
        self._forget(key)

    def close(self) -> None:
        """Take the watches off the model again."""
        while self._hooks:
            self._hooks.popitem()[1].remove()

    @contextmanager
    def applied(self, segments: Sequence[LoraSegment]) -> Iterator[None]:
        """Send the tokens of the pass inside through their adapters; `BASE` and strength 0 are the base itself."""
        used = {segment.adapter for segment in segments if segment.adapter != BASE and segment.strength != 0}
        if used:
            self._assign_ranks(used)
            if used != self._viewed:
                self._view_stacks(used)
            if self._last != segments:  # from token to token, those who stream go the same ways
                self._last, self._last_mask = list(segments), self._mask_of(segments, self._total_rank)
            self._mask = self._last_mask
        try:
            yield
        finally:
            self._mask = None

    def _used(self) -> int:
        return sum(adapter.size_bytes for adapter in self._resident.values())

    def _forget(self, key: str) -> None:
        self._resident.pop(key, None)
        self._rank_slices.pop(key, None)

    def _assign_ranks(self, used: Collection[str]) -> None:
        """Give each adapter in use its columns, in the lowest gap that is wide enough once idle ones have left."""
        for key in used:
            self._resident.move_to_end(key)
        missing = [key for key in used if key not in self._rank_slices]
        if not missing:
            return
        self._viewed = set()  # until the stack are looked at again: memory may run out on the way there
        self._rank_slices = {key: columns for key, columns in self._rank_slices.items() if key in used}
        if any(self._find_gap(self._resident[key].max_rank).stop > self._max_total_rank for key in missing):
            self._rank_slices, missing = {}, list(used)  # the gaps are too small: move together
        for key in missing:
            columns = self._find_gap(self._resident[key].max_rank)
            self._fill(self._resident[key], columns)
            self._rank_slices[key] = columns

    def _view_stacks(self, used: set[str]) -> None:
        """Look at no more columns, and no more layers, than those in use reach."""
        self._last = []
        self._total_rank = max(self._rank_slices[key].stop for key in used)
        names = frozenset().union(*(self._resident[key].layers for key in used))
        stacks = {name: self._stack_of(name, self._total_rank) for name in names}
        self._views = {
            name: (stack.lora_A[: self._total_rank], stack.lora_B[: self._total_rank]) for name, stack in stacks.items()
        }
        self._viewed = used

    def _find_gap(self, width: int) -> range:
        start = 0
        for taken in sorted(self._rank_slices.values(), key=lambda columns: columns.start):
            if taken.start - start >= width:
                break
            start = max(start, taken.stop)
        return range(start, start + width)

    def _fill(self, adapter: LoraWeights, columns: range) -> None:
        for name in adapter.layers.keys() | self._stacks.keys():
            stack = self._stack_of(name, columns.stop)
            own = slice(columns.start, columns.stop)
            stack.lora_A[own] = 0
            stack.lora_B[own] = 0
            if layer := adapter.layers.get(name):
                own = slice(columns.start, columns.start + layer.A.shape[0])
                stack.lora_A[own] = layer.A
                stack.lora_B[own] = layer.B.T * layer.scaling

    def _stack_of(self, name: str, columns: int) -> _LayerStack:
        """The stack of a layer with at least so many columns."""
        stack = self._stacks.get(name)
        have = stack.lora_A.shape[0] if stack else 0
        if stack is None or have < columns:
            size = max(columns, min(2 * have, self._max_total_rank), MIN_STACK_RANK)
            down, up = (torch.zeros(size, width, device=self._device) for width in self.shapes[name])
            if stack is not None:
                down[:have], up[:have] = stack.lora_A, stack.lora_B
            stack = self._stacks[name] = _LayerStack(down, up)
        return stack

    def _mask_of(self, segments: Sequence[LoraSegment], width: int) -> _Mask:
        foreign = torch.ones(sum(segment.num_tokens for segment in segments), width, dtype=torch.bool)
        strengths: list[float] = []
        for segment in segments:
            if segment.adapter != BASE and segment.strength != 0:
                columns = self._rank_slices[segment.adapter]
                foreign[len(strengths) : len(strengths) + segment.num_tokens, columns.start : columns.stop] = False
            strengths += [segment.strength] * segment.num_tokens
        strength = torch.tensor(strengths, dtype=torch.float32)[:, None]
        return _Mask(foreign.to(self._device), strength.to(self._device), set(strengths) == {1.0})

    def _add(
        self, name: str, _module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor
    ) -> torch.Tensor | None:
        """Forward hook: `output` (1, T, out) plus the adapters' part, computed in fp32; None leaves it as it is."""
        mask = self._mask
        if mask is None or name not in self._views:
            return None
        down, up = self._views[name]
        states = nn.functional.linear(inputs[0].flatten(0, -2).to(down.dtype), down)
        states.masked_fill_(mask.foreign, 0.0)  # and not a product: what overflows in one adapter stays with its own
        if not mask.full_strength:
            states *= mask.strength
        if output.dtype == up.dtype:
            return torch.addmm(output.flatten(0, -2), states, up).view(output.shape)
        return output + (states @ up).view(output.shape).to(output.dtype)


def _linear_shape(module: nn.Module) -> tuple[int, int] | None:
    """(in_features, out_features) of a linear layer; bitsandbytes' layers are `nn.Linear`s too."""
    if isinstance(module, nn.Linear):
        return module.in_features, module.out_features
    if isinstance(module, Conv1D):
        return module.weight.shape[0], module.weight.shape[1]
    return None
