"""transformers' own caches, one for each slot: for models whose memory is more than keys and values that could stand
side by side in one table.

Recurrent and convolutional states, attention with biases of its own: whatever `generate` can continue, continues here,
one sequence after another.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn
from transformers import GenerationConfig, PreTrainedModel
from transformers.cache_utils import Cache
from transformers.generation import GenerationMode
from transformers.generation.utils import ALL_CACHE_NAMES

_OWN_CACHE = GenerationConfig(use_cache=True)
"""Of the kind that the model has by itself, whatever its files recommend for `generate`."""


HeldStates = Sequence[tuple[nn.Module, str]]
"""Modules that keep what they have read in themselves, and as which attribute."""


class SequenceCache:
    """What a model has read of one sequence, under whatever name and in whatever form it keeps that."""

    def __init__(self, held: HeldStates = ()) -> None:
        """`held` is what the model keeps in its modules in the place of a cache."""
        self.num_tokens = 0
        self.mark: SequenceCache | None = None
        """As it was where it may have to go back to: most cannot be cut."""
        self._kept: dict[str, Any] = {"use_cache": True}
        self._held = held
        self._states: list[Any] = [None] * len(held)

    def forward(self, model: PreTrainedModel, token_ids: Sequence[int], all_logits: bool) -> torch.Tensor:
        """Read on; returns the logits (T, V) after each token, or (1, V) after the last. Models that can go on from
        their cache with one token only must not be given more."""
        first, self.num_tokens = not self.num_tokens, self.num_tokens + len(token_ids)
        if first:
            model._prepare_cache_for_generation(_OWN_CACHE, self._kept, GenerationMode.GREEDY_SEARCH, 1, 0)
        inputs = model.prepare_inputs_for_generation(
            torch.tensor([token_ids], device=model.device),
            next_sequence_length=None if first else len(token_ids),
            is_first_iteration=first,
            attention_mask=torch.ones(1, self.num_tokens, dtype=torch.long, device=model.device),
            position_ids=torch.arange(self.num_tokens, device=model.device)[None],
            **self._kept,
        )
        if not all_logits and model._supports_logits_to_keep():
            inputs["logits_to_keep"] = 1
        for (module, name), state in zip(self._held, self._states, strict=True):
            setattr(module, name, state)
        output = model(**inputs, return_dict=True)
        self._states = [getattr(module, name) for module, name in self._held]
        self._kept |= {name: output[name] for name in ALL_CACHE_NAMES if name in output}
        logits: torch.Tensor = output.logits[0]
        return logits if all_logits else logits[-1:]

    def copy(self) -> "SequenceCache":
        """One that goes on by itself."""
        other = SequenceCache(self._held)
        other.num_tokens = self.num_tokens
        other._kept, other._states = copy.deepcopy((self._kept, self._states))
        return other

    def num_bytes(self) -> int:
        marked = self.mark.num_bytes() if self.mark else 0
        return marked + sum(tensor.nbytes for tensor in _tensors([self._kept, self._states]))


def held_states(model: PreTrainedModel) -> HeldStates:
    """Where a model that has read something keeps tensors that are neither its weights nor in its cache."""
    return [
        (module, name)
        for module in model.modules()
        for name, value in vars(module).items()
        if isinstance(value, torch.Tensor)
    ]


class SequenceCaches:
    """As a `KVCache` for the scheduler: what stands in the slots, of which there are never more than it asks for."""

    def __init__(self, continues: bool = True, held: HeldStates = ()) -> None:
        """`continues`: the model can go on from its cache with several tokens at once; `held` as for each cache."""
        self._continues = continues
        self._held = held
        self._slots: dict[int, SequenceCache] = {}

    def forward(
        self, model: PreTrainedModel, slot: int, token_ids: Sequence[int], all_logits: bool = False
    ) -> torch.Tensor:
        """Read on in a slot; returns the logits (T, V) after each token, or (1, V) after the last."""
        cache = self._slots.setdefault(slot, SequenceCache(self._held))
        if self._continues or not cache.num_tokens:
            return cache.forward(model, token_ids, all_logits)
        logits = [cache.forward(model, [token], all_logits) for token in token_ids]
        return torch.cat(logits) if all_logits else logits[-1]

    def empty(self) -> "SequenceCaches":
        """Others for the same model."""
        return SequenceCaches(self._continues, self._held)

    def branch(self, slot: int) -> "SequenceCaches":
        """A copy of one slot, as slot 0 of others."""
        other = self.empty()
        if slot in self._slots:
            other._slots[0] = self._slots[slot].copy()
        return other

    def mark(self, slot: int) -> None:
        """Remember what stands in a slot, once."""
        cache = self._slots[slot]
        cache.mark = cache.mark or cache.copy()

    def go_back(self, slot: int, length: int) -> None:
        """Let `length` tokens stand in a slot: those that do, none, or those that did when it was marked."""
        cache = self._slots.get(slot)
        if cache is None or cache.num_tokens == length:
            return
        if not length:
            self.clear_slot(slot)
            return
        if cache.mark is None or cache.mark.num_tokens != length:
            raise ValueError(f"slot {slot} holds {cache.num_tokens} tokens and cannot go back to {length}")
        self._slots[slot] = cache.mark.copy()
        self._slots[slot].mark = cache.mark

    def clear_slot(self, slot: int) -> None:
        """Forget what stands in a slot."""
        self._slots.pop(slot, None)

    def move_slot(self, source: int, target: int, length: int) -> None:
        """Put what stands in one slot into another."""
        del length  # a cache is moved whole
        self._slots[target] = self._slots.pop(source)

    def swap_slots(self, one: int, other: int, length: int) -> None:
        """Exchange what stands in two slots."""
        del length
        first, second = self._slots.pop(one, None), self._slots.pop(other, None)
        self._slots |= {slot: cache for slot, cache in ((one, second), (other, first)) if cache}

    def trim(self, slots: int, length: int) -> None:
        """Give back the memory of all but so many slots."""
        del length
        self._slots = {slot: cache for slot, cache in self._slots.items() if slot < slots}

    def clear(self) -> None:
        """Forget everything, and give back the memory."""
        self._slots = {}

    def size_bytes(self) -> int:
        """What all slots take; may be asked in any thread."""
        return sum(cache.num_bytes() for cache in [*self._slots.values()])


def _tensors(kept: Any) -> Iterator[torch.Tensor]:
    """Those within whatever a model calls its cache."""
    if isinstance(kept, torch.Tensor):
        yield kept
    elif isinstance(kept, dict):
        for one in kept.values():
            yield from _tensors(one)
    elif isinstance(kept, list | tuple):
        for one in kept:
            yield from _tensors(one)
    elif isinstance(kept, Cache) or type(kept).__module__.startswith("transformers."):
        yield from _tensors(vars(kept))
