"""LoRA on the live model: each forward pass says whose adapter it goes through.

The base's modules are watched, never replaced, and its weights are neither read nor written: on the CPU, 4-bit
weights are re-packed at the first inference, after which any `state_dict()` (PEFT's loading makes one) would corrupt
them silently. A pass without an adapter runs exactly the operations of the untouched model.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from playground.engine.adapter_file import LoraAdapter, Widths, read_adapter
from playground.errors import AdapterError
from playground.protocol import BASE

BUDGET_BYTES = 2**30
"""What resident adapters may take in all; beyond it the one used longest ago leaves memory."""


class LoraRouter:
    """The adapters of one model. Only the engine's thread may route, load and drop; `known` may be asked anywhere."""

    def __init__(self, model: PreTrainedModel, device: torch.device, budget_bytes: int = BUDGET_BYTES) -> None:
        self._modules = {name: module for name, module in model.named_modules() if _widths(module) is not None}
        self.widths: Widths = {name: width for name, module in self._modules.items() if (width := _widths(module))}
        self._device = device
        self._budget = budget_bytes
        self._folders: dict[str, Path] = {}
        self._resident: OrderedDict[str, LoraAdapter] = OrderedDict()
        self._watches: dict[str, RemovableHandle] = {}
        self._current: LoraAdapter | None = None
        self._strength = 1.0

    @property
    def resident(self) -> tuple[str, ...]:
        return tuple(self._resident)

    def known(self, key: str) -> bool:
        return key == BASE or key in self._folders

    def read(self, folder: Path) -> LoraAdapter:
        """Read and check an adapter; safe in any thread. Raises `AdapterError`."""
        adapter = read_adapter(folder, self.widths, self._device)
        if adapter.size_bytes > self._budget:
            raise AdapterError(
                "The adapter takes {size} MiB of memory; at most {most} are there for adapters.",
                size=adapter.size_bytes // 2**20,
                most=self._budget // 2**20,
            )
        return adapter

    def make_room(self, size_bytes: int, in_use: Collection[str]) -> bool:
        """Drop adapters from memory, those used longest ago first and never one in use, until this size fits."""
        idle = [key for key in self._resident if key not in in_use]
        while self._used() + size_bytes > self._budget:
            if not idle:
                return False
            del self._resident[idle.pop(0)]
        return True

    def put(self, key: str, folder: Path, adapter: LoraAdapter) -> None:
        """Make an adapter resident under `key`; room has been made."""
        for name in adapter.layers.keys() - self._watches.keys():
            self._watches[name] = self._modules[name].register_forward_hook(partial(self._add, name))
        self._folders[key] = folder
        self._resident[key] = adapter
        self._resident.move_to_end(key)

    def ensure_resident(self, key: str, in_use: Collection[str]) -> bool:
        """Bring an adapter back that had to leave memory; False when there is no room yet. Raises `AdapterError`."""
        if key == BASE or key in self._resident:
            return True
        if key not in self._folders:
            raise AdapterError("There is no adapter '{adapter}' any more. Choose another.", adapter=key)
        adapter = self.read(self._folders[key])
        if not self.make_room(adapter.size_bytes, in_use):
            return False
        self.put(key, self._folders[key], adapter)
        return True

    def drop(self, key: str) -> None:
        """Forget an adapter altogether."""
        self._folders.pop(key, None)
        self._resident.pop(key, None)

    def close(self) -> None:
        """Take the watches off the model again."""
        while self._watches:
            self._watches.popitem()[1].remove()

    @contextmanager
    def routed(self, key: str, strength: float = 1.0) -> Iterator[None]:
        """Send the forward passes inside through an adapter; `BASE` and strength 0 are the base itself."""
        if key != BASE and strength != 0:
            self._current, self._strength = self._resident[key], strength
            self._resident.move_to_end(key)
        try:
            yield
        finally:
            self._current = None

    def _used(self) -> int:
        return sum(adapter.size_bytes for adapter in self._resident.values())

    def _add(
        self, name: str, _module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor
    ) -> torch.Tensor | None:
        """Forward hook: `output` [..., out] plus the adapter's part, computed in fp32; None leaves it as it is."""
        if self._current is None or (layer := self._current.layers.get(name)) is None:
            return None
        change = inputs[0].to(layer.down.dtype) @ layer.down.T @ layer.up.T
        return output + (change * (layer.scaling * self._strength)).to(output.dtype)


def _widths(module: nn.Module) -> tuple[int, int] | None:
    """(in_features, out_features) of a linear layer; bitsandbytes' layers are `nn.Linear`s too."""
    if isinstance(module, nn.Linear):
        return module.in_features, module.out_features
    if isinstance(module, Conv1D):
        return module.weight.shape[0], module.weight.shape[1]
    return None
