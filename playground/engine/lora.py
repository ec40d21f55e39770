"""Multi-LoRA serving: per-token adapters in one batch, as forward hooks on the quantized linear layers.

The base's modules are watched, never replaced, and its weights are neither read nor written: on the CPU, 4-bit
weights are re-packed at the first inference, after which any `state_dict()` (PEFT's loading makes one) would corrupt
them silently. A pass without an adapter runs exactly the operations of the untouched model.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
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
from playground.engine.lora_stack import LinearShapes, LoraSegment, LoraStack
from playground.errors import AdapterError
from playground.protocol.messages import BASE

ADAPTER_CACHE_BYTES = 2**30
"""What resident adapters may take in all; beyond it the one used longest ago leaves memory."""
MIN_TOTAL_RANK = 512
"""Ranks that are there for adapters in use whatever the budget: two of the largest rank."""


class MultiLora:
    """The adapters of one model. Only the engine's thread may apply, add and remove; `known` may be asked anywhere."""

    def __init__(self, model: PreTrainedModel, device: torch.device, cache_bytes: int = ADAPTER_CACHE_BYTES) -> None:
        head = model.get_output_embeddings()  # it is asked for a few tokens of a pass only, so nothing can be added
        modules = {name: module for name, module in model.named_modules() if module is not head}
        self._shapes: LinearShapes = {name: shape for name, module in modules.items() if (shape := _shape_of(module))}
        self._modules = {name: modules[name] for name in self._shapes}
        self._device = device
        self._cache_bytes = cache_bytes
        bytes_per_rank = 4 * sum(wide + rows for wide, rows in self._shapes.values())
        self._stack = LoraStack(self._shapes, device, max(MIN_TOTAL_RANK, cache_bytes // max(1, bytes_per_rank)))
        self._sizes: dict[str, tuple[int, int]] = {}
        """Of each known adapter, the bytes that it takes and its largest rank."""
        self._folders: dict[str, Path] = {}
        self._resident: OrderedDict[str, LoraWeights] = OrderedDict()
        self._hooks: dict[str, RemovableHandle] = {}

    @property
    def resident(self) -> tuple[str, ...]:
        return tuple(self._resident)

    def known(self, key: str) -> bool:
        return key == BASE or key in self._folders

    def read(self, folder: Path) -> LoraWeights:
        """Read and check an adapter; safe in any thread. Raises `AdapterError`."""
        facts = check_folder(folder)
        for pair in facts.pairs:
            _check_fits(pair, self._shapes)
        adapter = load_lora(folder, facts).to(self._device)
        if adapter.size_bytes > self._cache_bytes:
            raise AdapterError(
                "The adapter takes {size} MiB of memory; at most {most} are there for adapters.",
                size=adapter.size_bytes // 2**20,
                most=self._cache_bytes // 2**20,
            )
        return adapter

    def evict_until_fits(self, size_bytes: int, in_use: Collection[str]) -> bool:
        """Drop adapters from memory, those used longest ago first and never one in use, until this size fits."""
        kept = sum(self._resident[key].size_bytes for key in self._resident if key in in_use)
        if size_bytes + kept > self._cache_bytes:
            return False
        idle = [key for key in self._resident if key not in in_use]
        while self._used_bytes() + size_bytes > self._cache_bytes:
            self._evict(idle.pop(0))
        return True

    def add(self, key: str, folder: Path, adapter: LoraWeights) -> None:
        """Make an adapter resident under `key`; room has been made."""
        for name in adapter.layers.keys() - self._hooks.keys():
            hook = partial(self._stack.forward_hook, name)
            self._hooks[name] = self._modules[name].register_forward_hook(hook)
        self._folders[key] = folder
        self._sizes[key] = adapter.size_bytes, adapter.max_rank
        self._stack.remove(key)
        self._resident[key] = adapter
        self._resident.move_to_end(key)

    def moved(self, key: str, folder: Path) -> None:
        """Bring the adapter back from this folder when it had to leave memory."""
        self._folders[key] = folder

    def ensure_resident(self, key: str, in_use: Collection[str]) -> bool:
        """Bring an adapter back that had to leave memory; False when there is no room yet. Raises `AdapterError`."""
        if key == BASE:
            return True
        if key not in self._folders:
            raise AdapterError("There is no adapter '{adapter}' any more. Choose another.", adapter=key)
        if sum(self._sizes[one][1] for one in {*in_use, key} if one in self._sizes) > self._stack.max_total_rank:
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
        self._evict(key)

    def close(self) -> None:
        """Take the hooks off the model again."""
        while self._hooks:
            self._hooks.popitem()[1].remove()

    @contextmanager
    def applied(self, segments: Sequence[LoraSegment]) -> Iterator[None]:
        """Send the tokens of the pass inside through their adapters; `BASE` and strength 0 are the base itself."""
        used = {segment.adapter for segment in segments if not segment.is_base}
        if used:
            for key in used:
                self._resident.move_to_end(key)
            self._stack.select(segments, used, self._resident)
        try:
            yield
        finally:
            self._stack.deselect()

    def _used_bytes(self) -> int:
        return sum(adapter.size_bytes for adapter in self._resident.values())

    def _evict(self, key: str) -> None:
        self._resident.pop(key, None)
        self._stack.remove(key)


def _check_fits(pair: LoraShape, shapes: LinearShapes) -> None:
    if pair.module not in shapes:
        raise AdapterError("The adapter is for another model: this one has no layer {layer}.", layer=pair.module)
    if (pair.in_features, pair.out_features) != shapes[pair.module]:
        wide, rows = shapes[pair.module]
        raise AdapterError(
            "The adapter is for another model: its {layer} leads from {found_in} to {found_out} numbers, this "
            "model's from {wide} to {rows}.",
            layer=pair.module,
            found_in=pair.in_features,
            found_out=pair.out_features,
            wide=wide,
            rows=rows,
        )


def _shape_of(module: nn.Module) -> tuple[int, int] | None:
    """(in_features, out_features) of a linear layer; bitsandbytes' layers are `nn.Linear`s too."""
    if isinstance(module, nn.Linear):
        return module.in_features, module.out_features
    if isinstance(module, Conv1D):
        return module.weight.shape[0], module.weight.shape[1]
    return None
