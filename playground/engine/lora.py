"""LoRA on the live model: each token of a forward pass goes through the adapter of its own request.

The base's modules are watched, never replaced, and its weights are neither read nor written: on the CPU, 4-bit
weights are re-packed at the first inference, after which any `state_dict()` (PEFT's loading makes one) would corrupt
them silently. A pass without an adapter runs exactly the operations of the untouched model.

The weights of all adapters in use lie side by side in one pair of tables for each layer, one adapter in some of its
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

from playground.adapters.check import check_folder
from playground.adapters.lora_load import LoraWeights, load_lora
from playground.adapters.lora_weights import LoraShape
from playground.errors import AdapterError
from playground.protocol.messages import BASE

Widths = dict[str, tuple[int, int]]
"""(in_features, out_features) of each linear layer, by its name in the model."""

BUDGET_BYTES = 2**30
"""What resident adapters may take in all; beyond it the one used longest ago leaves memory."""
MIN_STACK_RANK = 16
MIN_TOTAL_RANK = 512
"""Columns that are there for adapters in use whatever the budget: two of the largest rank."""


@dataclass(frozen=True, slots=True)
class Route:
    """So many consecutive tokens go through one adapter."""

    adapter: str
    strength: float
    tokens: int


@dataclass(slots=True)
class _Tables:
    """Of one layer, for C columns: `down` (C, in) and `up` (C, out), in which each adapter's scaling is contained."""

    down: torch.Tensor
    up: torch.Tensor


@dataclass(frozen=True, slots=True)
class _Mask:
    """For T tokens and C columns: `others` (T, C) are the columns that are not a token's own, `strength` (T, 1)."""

    others: torch.Tensor
    strength: torch.Tensor
    whole: bool
    """Whether every strength is 1."""


class LoraRouter:
    """The adapters of one model. Only the engine's thread may route, load and drop; `known` may be asked anywhere."""

    def __init__(self, model: PreTrainedModel, device: torch.device, budget_bytes: int = BUDGET_BYTES) -> None:
        head = model.get_output_embeddings()  # it is asked for a few tokens of a pass only, so nothing can be added
        modules = {name: module for name, module in model.named_modules() if module is not head}
        self.widths: Widths = {name: width for name, module in modules.items() if (width := _widths(module))}
        self._modules = {name: modules[name] for name in self.widths}
        self._device = device
        self._budget = budget_bytes
        a_column = 4 * sum(wide + rows for wide, rows in self.widths.values())
        self._most_columns = max(MIN_TOTAL_RANK, budget_bytes // max(1, a_column))
        self._sizes: dict[str, tuple[int, int]] = {}
        """Of each known adapter, the bytes that it takes and its columns."""
        self._folders: dict[str, Path] = {}
        self._resident: OrderedDict[str, LoraWeights] = OrderedDict()
        self._watches: dict[str, RemovableHandle] = {}
        self._tables: dict[str, _Tables] = {}
        self._columns: dict[str, range] = {}
        self._mask: _Mask | None = None
        self._last: list[Route] = []
        self._last_mask: _Mask | None = None
        self._seen: set[str] = set()
        """The adapters that `_views` and `_width` are of."""
        self._width = 0
        self._views: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    @property
    def resident(self) -> tuple[str, ...]:
        return tuple(self._resident)

    def known(self, key: str) -> bool:
        return key == BASE or key in self._folders

    def read(self, folder: Path) -> LoraWeights:
        """Read and check an adapter; safe in any thread. Raises `AdapterError`."""
        facts = check_folder(folder)
        for pair in facts.pairs:
            _check_fits(pair, self.widths)
        adapter = load_lora(folder, facts).to(self._device)
        if adapter.size_bytes > self._budget:
            raise AdapterError(
                "The adapter takes {size} MiB of memory; at most {most} are there for adapters.",
                size=adapter.size_bytes // 2**20,
                most=self._budget // 2**20,
            )
        return adapter

    def make_room(self, size_bytes: int, in_use: Collection[str]) -> bool:
        """Drop adapters from memory, those used longest ago first and never one in use, until this size fits."""
        if size_bytes + sum(self._resident[key].size_bytes for key in self._resident if key in in_use) > self._budget:
            return False
        idle = [key for key in self._resident if key not in in_use]
        while self._used() + size_bytes > self._budget:
            self._forget(idle.pop(0))
        return True

    def put(self, key: str, folder: Path, adapter: LoraWeights) -> None:
        """Make an adapter resident under `key`; room has been made."""
        for name in adapter.layers.keys() - self._watches.keys():
            self._watches[name] = self._modules[name].register_forward_hook(partial(self._add, name))
        self._folders[key] = folder
        self._sizes[key] = adapter.size_bytes, adapter.max_rank
        self._columns.pop(key, None)
        self._resident[key] = adapter
        self._resident.move_to_end(key)

    def ensure_resident(self, key: str, in_use: Collection[str]) -> bool:
        """Bring an adapter back that had to leave memory; False when there is no room yet. Raises `AdapterError`."""
        if key == BASE:
            return True
        if key not in self._folders:
            raise AdapterError("There is no adapter '{adapter}' any more. Choose another.", adapter=key)
        if sum(self._sizes[one][1] for one in {*in_use, key} if one in self._sizes) > self._most_columns:
            return False
        if key in self._resident:
            return True
        if not self.make_room(self._sizes[key][0], in_use):  # before anything is read
            return False
        adapter = self.read(self._folders[key])
        self.put(key, self._folders[key], adapter)
        return True

    def drop(self, key: str) -> None:
        """Forget an adapter altogether."""
        self._folders.pop(key, None)
        self._sizes.pop(key, None)
        self._forget(key)

    def close(self) -> None:
        """Take the watches off the model again."""
        while self._watches:
            self._watches.popitem()[1].remove()

    @contextmanager
    def routed(self, routes: Sequence[Route]) -> Iterator[None]:
        """Send the tokens of the pass inside through their adapters; `BASE` and strength 0 are the base itself."""
        used = {route.adapter for route in routes if route.adapter != BASE and route.strength != 0}
        if used:
            self._place(used)
            if used != self._seen:
                self._view(used)
            if self._last != routes:  # from token to token, those who stream go the same ways
                self._last, self._last_mask = list(routes), self._mask_of(routes, self._width)
            self._mask = self._last_mask
        try:
            yield
        finally:
            self._mask = None

    def _used(self) -> int:
        return sum(adapter.size_bytes for adapter in self._resident.values())

    def _forget(self, key: str) -> None:
        self._resident.pop(key, None)
        self._columns.pop(key, None)

    def _place(self, used: Collection[str]) -> None:
        """Give each adapter in use its columns, in the lowest gap that is wide enough once idle ones have left."""
        for key in used:
            self._resident.move_to_end(key)
        missing = [key for key in used if key not in self._columns]
        if not missing:
            return
        self._seen = set()  # until the tables are looked at again: memory may run out on the way there
        self._columns = {key: columns for key, columns in self._columns.items() if key in used}
        if any(self._gap(self._resident[key].max_rank).stop > self._most_columns for key in missing):
            self._columns, missing = {}, list(used)  # the gaps are too small: move together
        for key in missing:
            columns = self._gap(self._resident[key].max_rank)
            self._fill(self._resident[key], columns)
            self._columns[key] = columns

    def _view(self, used: set[str]) -> None:
        """Look at no more columns, and no more layers, than those in use reach."""
        self._last = []
        self._width = max(self._columns[key].stop for key in used)
        names = frozenset().union(*(self._resident[key].layers for key in used))
        tables = {name: self._tables_of(name, self._width) for name in names}
        self._views = {name: (table.down[: self._width], table.up[: self._width]) for name, table in tables.items()}
        self._seen = used

    def _gap(self, width: int) -> range:
        start = 0
        for taken in sorted(self._columns.values(), key=lambda columns: columns.start):
            if taken.start - start >= width:
                break
            start = max(start, taken.stop)
        return range(start, start + width)

    def _fill(self, adapter: LoraWeights, columns: range) -> None:
        for name in adapter.layers.keys() | self._tables.keys():
            tables = self._tables_of(name, columns.stop)
            own = slice(columns.start, columns.stop)
            tables.down[own] = 0
            tables.up[own] = 0
            if layer := adapter.layers.get(name):
                own = slice(columns.start, columns.start + layer.A.shape[0])
                tables.down[own] = layer.A
                tables.up[own] = layer.B.T * layer.scaling

    def _tables_of(self, name: str, columns: int) -> _Tables:
        """The tables of a layer with at least so many columns."""
        tables = self._tables.get(name)
        have = tables.down.shape[0] if tables else 0
        if tables is None or have < columns:
            size = max(columns, min(2 * have, self._most_columns), MIN_STACK_RANK)
            down, up = (torch.zeros(size, width, device=self._device) for width in self.widths[name])
            if tables is not None:
                down[:have], up[:have] = tables.down, tables.up
            tables = self._tables[name] = _Tables(down, up)
        return tables

    def _mask_of(self, routes: Sequence[Route], width: int) -> _Mask:
        others = torch.ones(sum(route.tokens for route in routes), width, dtype=torch.bool)
        strengths: list[float] = []
        for route in routes:
            if route.adapter != BASE and route.strength != 0:
                columns = self._columns[route.adapter]
                others[len(strengths) : len(strengths) + route.tokens, columns.start : columns.stop] = False
            strengths += [route.strength] * route.tokens
        strength = torch.tensor(strengths, dtype=torch.float32)[:, None]
        return _Mask(others.to(self._device), strength.to(self._device), set(strengths) == {1.0})

    def _add(
        self, name: str, _module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor
    ) -> torch.Tensor | None:
        """Forward hook: `output` (1, T, out) plus the adapters' part, computed in fp32; None leaves it as it is."""
        mask = self._mask
        if mask is None or name not in self._views:
            return None
        down, up = self._views[name]
        states = nn.functional.linear(inputs[0].flatten(0, -2).to(down.dtype), down)
        states.masked_fill_(mask.others, 0.0)  # and not a product: what overflows in one adapter stays with its own
        if not mask.whole:
            states *= mask.strength
        if output.dtype == up.dtype:
            return torch.addmm(output.flatten(0, -2), states, up).view(output.shape)
        return output + (states @ up).view(output.shape).to(output.dtype)


def _widths(module: nn.Module) -> tuple[int, int] | None:
    """(in_features, out_features) of a linear layer; bitsandbytes' layers are `nn.Linear`s too."""
    if isinstance(module, nn.Linear):
        return module.in_features, module.out_features
    if isinstance(module, Conv1D):
        return module.weight.shape[0], module.weight.shape[1]
    return None


def _check_fits(pair: LoraShape, widths: Widths) -> None:
    if pair.module not in widths:
        raise AdapterError("The adapter is for another model: this one has no layer {layer}.", layer=pair.module)
    if (pair.in_features, pair.out_features) != widths[pair.module]:
        wide, rows = widths[pair.module]
        raise AdapterError(
            "The adapter is for another model: its {layer} leads from {found_in} to {found_out} numbers, this "
            "model's from {wide} to {rows}.",
            layer=pair.module,
            found_in=pair.in_features,
            found_out=pair.out_features,
            wide=wide,
            rows=rows,
        )
