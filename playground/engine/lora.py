"""Multi-LoRA serving: per-token adapters in one batch, added to what the quantized linear layers compute.

The base's weights are neither read nor written. A pass without an adapter runs exactly the operations of the base.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import PreTrainedModel

from playground.adapters.check import check_folder
from playground.adapters.lora_config import MAX_RANK
from playground.adapters.lora_load import LoraWeights, load_lora
from playground.adapters.lora_weights import LoraShape
from playground.engine.layers.executor import executor_of
from playground.engine.lora_stack import LoraSegment, LoraStack
from playground.errors import AdapterError, OtherBaseError
from playground.protocol.messages import BASE

LinearShapes = dict[str, tuple[int, int, int]]
"""(in_features, out_features, how many of them) of each linear layer, or parameter of experts, by its name in the
model."""

ADAPTER_CACHE_BYTES = 2**30
"""What resident adapters may take in all; beyond it the one used longest ago leaves memory."""
GPU_ADAPTER_SHARE = 1 / 8
"""Of a GPU's free memory, where that is more. Those in use are there once more, side by side: at most as much."""


def adapter_cache_bytes(device: torch.device) -> int:
    """What resident adapters may take beside a model that is loaded."""
    if device.type != "cuda":
        return ADAPTER_CACHE_BYTES
    return max(ADAPTER_CACHE_BYTES, int(GPU_ADAPTER_SHARE * torch.cuda.mem_get_info(device)[0]))


class MultiLora:
    """The adapters of one model. Only the engine's thread may apply, add and remove; `known` may be asked anywhere."""

    def __init__(self, model: PreTrainedModel, device: torch.device, cache_bytes: int = ADAPTER_CACHE_BYTES) -> None:
        executor = executor_of(model)
        self._shapes: LinearShapes = {  # without the head: it is asked for a few tokens of a pass only
            name: (layer.in_features, layer.out_features[at], 1) for name, (layer, at) in executor.parts.items()
        }
        for experts in executor.experts:
            for name, sizes in experts.sizes().items():
                self._shapes[f"{experts.name}.{name}"] = sizes
        self._device = device
        self._cache_bytes = cache_bytes
        # on a GPU in the precision that they are multiplied in; an adapter may hold more than fits in fp16
        self._dtype = model.dtype if device.type == "cuda" and model.dtype is torch.bfloat16 else torch.float32
        bytes_per_rank = model.dtype.itemsize * sum(many * (wide + rows) for wide, rows, many in self._shapes.values())
        max_ranks = max(MAX_RANK, cache_bytes // max(1, bytes_per_rank))
        self._stack = LoraStack(executor.layers, executor.experts, device, model.dtype, max_ranks)
        self._sizes: dict[str, tuple[int, int]] = {}
        """Of each known adapter, the bytes that it takes and its largest rank."""
        self._folders: dict[str, Path] = {}
        self._resident: OrderedDict[str, LoraWeights] = OrderedDict()

    @property
    def resident(self) -> tuple[str, ...]:
        return tuple(self._resident)

    @property
    def max_adapter_numbers(self) -> int:
        """How many numbers an adapter may have."""
        return self._cache_bytes // self._dtype.itemsize

    @property
    def unused_bytes(self) -> int:
        """What adapters may yet take."""
        return max(0, self._cache_bytes - self._used_bytes())

    def known(self, key: str) -> bool:
        return key == BASE or key in self._folders

    def read(self, folder: Path) -> LoraWeights:
        """Read and check an adapter; safe in any thread. Raises `AdapterError`."""
        facts = check_folder(folder)
        for pair in facts.pairs:
            _check_fits(pair, self._shapes)
        adapter = load_lora(folder, facts).to(self._device, self._dtype)
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
        self._folders[key] = folder
        self._sizes[key] = adapter.size_bytes, adapter.max_rank
        self._stack.forget(key)
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

    @contextmanager
    def applied(self, segments: Sequence[LoraSegment], kept: Sequence[LoraSegment] | None = None) -> Iterator[None]:
        """Send the tokens of the pass inside through their adapters; `BASE` and strength 0 are the base itself. `kept`
        are the tokens whose logits are wanted, if not all."""
        used = {segment.adapter for segment in segments if not segment.is_base}
        for key in used:
            self._resident.move_to_end(key)
        try:
            if used:
                self._stack.select(segments, kept or segments, used, self._resident)
            yield
        finally:
            self._stack.deselect()

    def _used_bytes(self) -> int:
        return sum(adapter.size_bytes for adapter in [*self._resident.values()])

    def _evict(self, key: str) -> None:
        self._resident.pop(key, None)
        self._stack.forget(key)


def _check_fits(pair: LoraShape, shapes: LinearShapes) -> None:
    if pair.module not in shapes:
        raise OtherBaseError("The adapter is for another model: this one has no layer {layer}.", layer=pair.module)
    wide, rows, many = shapes[pair.module]
    if pair.experts != many:
        raise OtherBaseError(
            "The adapter is for another model: its {layer} has {found} experts, this model's has {wanted}.",
            layer=pair.module,
            found=pair.experts,
            wanted=many,
        )
    if (pair.in_features, pair.out_features) != (wide, rows):
        raise OtherBaseError(
            "The adapter is for another model: its {layer} leads from {found_in} to {found_out} numbers, this "
            "model's from {wide} to {rows}.",
            layer=pair.module,
            found_in=pair.in_features,
            found_out=pair.out_features,
            wide=wide,
            rows=rows,
        )
