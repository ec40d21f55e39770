"""Prefix cache: the KV of requests that are over, for those of the same owner, adapter and strength that begin alike.

What is kept is a copy, so that slots stay as they are. What the chat template itself writes before a conversation is
kept apart, for all owners on the base: a hit on anything else would show, by its time, what somebody else has asked.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from playground.engine.kv_cache import KVCache, SlotKV
from playground.memory import out_of_memory
from playground.protocol.messages import BASE
from playground.protocol.requests import GenerateRequest, LogprobsRequest

MIN_PREFIX_TOKENS = 8
"""Shorter ones are as soon computed as copied."""
MAX_ENTRIES = 256
"""All are looked through whenever a request starts."""


class _Scope(NamedTuple):
    """Who may go on from a prefix. `owner` None: everybody."""

    owner: str | None
    adapter: str
    strength: float


class _Entry(NamedTuple):
    scope: _Scope
    token_ids: tuple[int, ...]


_TEMPLATE = _Scope(None, BASE, 0.0)
"""Of what the chat template itself writes."""


class PrefixCache:
    """At most `max_tokens` in all. Only the engine's thread may use it.

    Beyond it the owner who holds the most gives up what was used longest ago, so that nobody can crowd out the others.
    Where memory runs out, what was asked for is left undone, and everything is given up.
    """

    def __init__(self, kv_cache: KVCache, max_tokens: int, template_prefix: Sequence[int] = ()) -> None:
        self.size_bytes = 0
        self._kv_cache = kv_cache
        self._max_tokens = max_tokens
        self._template_prefix = template_prefix
        self._entries: OrderedDict[_Entry, SlotKV] = OrderedDict()

    @property
    def num_tokens(self) -> int:
        return sum(len(token_ids) for _, token_ids in self._entries)

    def restore(self, request: GenerateRequest | LogprobsRequest, token_ids: Sequence[int], slot: int) -> int:
        """Put the longest known prefix of a request's tokens into a clear slot; returns how many stand there then.

        The last token is always left to be computed, for the logits that follow it.
        """
        own = _scope_of(request)
        scopes = (own, _TEMPLATE) if own.adapter == BASE else (own,)
        all_but_last = token_ids[:-1]
        lengths = {entry: _common(entry.token_ids, all_but_last) for entry in self._entries if entry.scope in scopes}
        longest = max(lengths, key=lengths.__getitem__, default=None)
        if longest is None or lengths[longest] < MIN_PREFIX_TOKENS:
            return 0
        self._entries.move_to_end(longest)
        with self._within_memory():
            self._kv_cache.fill_slot(slot, self._entries[longest], lengths[longest])
            return lengths[longest]
        return 0

    def keep(self, request: GenerateRequest | LogprobsRequest, token_ids: Sequence[int], slot: int, room: int) -> None:
        """Keep the first tokens of a slot, so that all that is kept takes no more than `room` tokens."""
        scope = _scope_of(request)
        self._keep(_Entry(scope, tuple(token_ids)), slot, room)
        if scope.adapter == BASE:
            shared = token_ids[: _common(token_ids, self._template_prefix)]
            self._keep(_Entry(_TEMPLATE, tuple(shared)), slot, room)

    def shrink(self, max_tokens: int, max_entries: int = MAX_ENTRIES) -> None:
        """Give up entries until no more is left than this."""
        while self._entries and (self.num_tokens > max_tokens or len(self._entries) > max_entries):
            held: Counter[str | None] = Counter()
            for scope, token_ids in self._entries:
                held[scope.owner] += len(token_ids)
            greediest = max(held, key=held.__getitem__)
            self._drop(next(entry for entry in self._entries if entry.scope.owner == greediest))

    def forget_adapter(self, adapter: str) -> None:
        """Give up what was computed with an adapter: another one may come under its name."""
        for entry in [entry for entry in self._entries if entry.scope.adapter == adapter]:
            self._drop(entry)

    def forget_owner(self, owner: str) -> int:
        """Give up what was computed for an owner alone; returns how many entries that were."""
        own = [entry for entry in self._entries if entry.scope.owner == owner]
        for entry in own:
            self._drop(entry)
        return len(own)

    def clear(self) -> bool:
        """Give up everything; False when there was nothing."""
        there = bool(self._entries)
        self._entries.clear()
        self.size_bytes = 0
        return there

    def _keep(self, new: _Entry, slot: int, room: int) -> None:
        size = len(new.token_ids)
        room = min(room, self._max_tokens) - size
        if size < MIN_PREFIX_TOKENS or room < 0:
            return
        for entry in [entry for entry in self._entries if entry.scope == new.scope]:
            common = _common(entry.token_ids, new.token_ids)
            if common == size:
                self._entries.move_to_end(entry)
                return
            if common == len(entry.token_ids):
                self._drop(entry)
        self.shrink(room, MAX_ENTRIES - 1)
        with self._within_memory():
            kv = self._kv_cache.copy_slot(slot, size)
            self._entries[new] = kv
            self.size_bytes += _size_bytes(kv)

    def _drop(self, entry: _Entry) -> None:
        self.size_bytes -= _size_bytes(self._entries.pop(entry))

    @contextmanager
    def _within_memory(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not out_of_memory(error):
                raise
            self.clear()


def _scope_of(request: GenerateRequest | LogprobsRequest) -> _Scope:
    """An adapter at strength 0 is the base."""
    if request.adapter == BASE or not request.strength:
        return _Scope(request.owner, BASE, 0.0)
    return _Scope(request.owner, request.adapter, request.strength)


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def _size_bytes(kv: SlotKV) -> int:
    return sum(table.numel() * table.element_size() for pair in kv.values() for table in pair)
