"""The KV cache: one slot per running sequence, in one (slots, kv_heads, tokens, head_dim) tensor pair per layer."""

from typing import Protocol

import torch

from playground.engine.attention import GPU_LENGTH_STEP
from playground.memory import free_beside

LENGTH_STEP = GPU_LENGTH_STEP
"""Slots grow by so many tokens at least."""
GPU_SHARE = 1 / 2
CPU_SHARE = 1 / 4
"""Of the memory that is free once the model is loaded, what running requests may fill with keys and values."""
MIN_CACHE_TOKENS = 512

SlotKV = dict[int, tuple[torch.Tensor, torch.Tensor]]
"""What stands in one slot: for each layer keys and values, both (KV, L, D)."""


class CacheSlots(Protocol):
    """Where what was read of the running sequences stands, one slot for each."""

    def clear_slot(self, slot: int) -> None: ...

    def move_slot(self, source: int, target: int, length: int) -> None: ...

    def swap_slots(self, one: int, other: int, length: int) -> None: ...

    def trim(self, slots: int, length: int) -> None: ...

    def clear(self) -> None: ...

    def size_bytes(self) -> int: ...


def kv_cache_capacity(bytes_per_token: int, device: torch.device) -> int:
    """How many tokens all slots may hold together, given the free memory."""
    on_gpu = device.type == "cuda"
    free = GPU_SHARE * torch.cuda.mem_get_info(device)[0] if on_gpu else CPU_SHARE * free_beside()
    return max(MIN_CACHE_TOKENS, int(free // max(1, bytes_per_token)))


class KVCache:
    """Keys and values, for each layer (S, KV, L, D): S slots, KV heads, L tokens, D numbers a head.

    What stands nowhere is zero: hidden or not, a NaN would reach whoever is read in one call with it. A method that
    runs out of memory has changed nothing that counts. There are never more than `max_slots` slots.
    """

    def __init__(self, max_slots: int = 2**31) -> None:
        self._max_slots = max_slots
        self._layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._slots = 0
        self._length = 0

    def reserve(self, slots: int, length: int) -> None:
        """Make room for so many slots of so many tokens, keeping what is there."""
        if slots <= self._slots and length <= self._length:
            return
        slots = max(slots, min(2 * self._slots, self._max_slots)) if slots > self._slots else self._slots
        if length > self._length:
            length = -(-max(length, self._length * 5 // 4) // LENGTH_STEP) * LENGTH_STEP
        length = max(length, self._length)
        for index, (keys, values) in self._layers.items():  # one layer after the other: both sizes exist of one only
            self._layers[index] = _grown(keys, slots, length), _grown(values, slots, length)
        self._slots, self._length = slots, length

    def layer(self, index: int, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The keys and values of a layer; `like` is (KV, T, D)."""
        if index not in self._layers:
            shape = self._slots, like.shape[0], self._length, like.shape[2]
            self._layers[index] = like.new_zeros(shape), like.new_zeros(shape)
        return self._layers[index]

    def bytes_per_token(self) -> int:
        """What one token takes in its slot, in all layers that were asked for."""
        return sum(table.shape[1] * table.shape[3] * table.element_size() for table in self._tables())

    def size_bytes(self) -> int:
        """What all slots take; may be asked in any thread."""
        return sum(keys.nbytes + values.nbytes for keys, values in [*self._layers.values()])

    def clear_slot(self, slot: int) -> None:
        """Forget what stands in a slot."""
        for table in self._tables():
            if slot < len(table):
                table[slot] = 0

    def move_slot(self, source: int, target: int, length: int) -> None:
        """Put what stands in one slot into another."""
        for table in self._tables():
            table[target, :, :length] = table[source, :, :length]
            table[target, :, length:] = 0

    def swap_slots(self, one: int, other: int, length: int) -> None:
        """Exchange what stands in two slots."""
        tables = self._tables()
        kept = [table[one, :, :length].clone() for table in tables]  # all of it before anything is written
        for table, first in zip(tables, kept, strict=True):
            table[one, :, :length] = table[other, :, :length]
            table[other, :, :length] = first
            table[one, :, length:] = table[other, :, length:] = 0

    def copy_slot(self, slot: int, length: int) -> SlotKV:
        """A copy of the first `length` tokens of a slot."""
        return {
            index: (keys[slot, :, :length].clone(), values[slot, :, :length].clone())
            for index, (keys, values) in self._layers.items()
        }

    def fill_slot(self, slot: int, kv: SlotKV, length: int) -> None:
        """Put the first `length` tokens of a copy into a slot that is clear."""
        self.reserve(slot + 1, length)
        for index, pair in kv.items():
            for table, tokens in zip(self.layer(index, pair[0]), pair, strict=True):
                table[slot, :, :length] = tokens[:, :length]

    def trim(self, slots: int, length: int) -> None:
        """Give back the memory of all but so many slots of so many tokens."""
        slots, length = min(slots, self._slots), min(length, self._length)
        for index, (keys, values) in self._layers.items():
            self._layers[index] = keys[:slots, :, :length].clone(), values[:slots, :, :length].clone()
        self._slots, self._length = slots, length

    def clear(self) -> None:
        """Forget everything, and give back the memory."""
        self._layers = {}
        self._slots = self._length = 0

    def _tables(self) -> list[torch.Tensor]:
        return [table for pair in self._layers.values() for table in pair]


def _grown(table: torch.Tensor, slots: int, length: int) -> torch.Tensor:
    """A copy in a larger table; one that has grown before memory ran out elsewhere may be large enough already."""
    if table.shape[0] >= slots and table.shape[2] >= length:
        return table
    grown = table.new_zeros(max(slots, table.shape[0]), table.shape[1], max(length, table.shape[2]), table.shape[3])
    grown[: table.shape[0], :, : table.shape[2]] = table
    return grown
