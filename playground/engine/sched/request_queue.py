"""Who is next: a bounded queue that is fair between owners, however many requests one of them sends."""

from collections import Counter, OrderedDict, deque
from collections.abc import Collection, Iterator
from typing import Generic, Protocol, TypeVar

from playground.errors import BusyError


class Queued(Protocol):
    """What can wait: it belongs to an owner."""

    @property
    def owner(self) -> str: ...


T = TypeVar("T", bound=Queued)


class FairRequestQueue(Generic[T]):
    """Not thread-safe: the engine guards it with its own lock.

    The next one is of the owner who has the fewest running, among equals of the one who was served longest ago.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._waiting: OrderedDict[str, deque[T]] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(line) for line in self._waiting.values())

    def __iter__(self) -> Iterator[T]:
        for line in self._waiting.values():
            yield from line

    def add_request(self, item: T, wait_s: float) -> T | None:
        """Add to the end of its owner's line.

        In a full queue the newest of the longest line gives way and is returned, so that no owner can fill it alone.
        Raises `BusyError` with the estimated wait where that line is the owner's own, or hardly longer.
        """
        displaced = None
        if len(self) >= self._capacity:
            longest = max(self._waiting, key=lambda owner: len(self._waiting[owner]), default="")
            own = len(self._waiting.get(item.owner, ()))
            if len(self._waiting.get(longest, ())) <= own + 1:
                raise self.busy(wait_s)
            displaced = self._waiting[longest].pop()
        self._waiting.setdefault(item.owner, deque()).append(item)
        return displaced

    def busy(self, wait_s: float) -> BusyError:
        """What one is told for whom there is no room."""
        return BusyError(
            "The model has {waiting} requests waiting. Try again in about {seconds} seconds.",
            waiting=len(self),
            seconds=max(1, round(wait_s)),
        )

    def peek_request(self, running: Collection[T], passed_over: Collection[T] = ()) -> T | None:
        """Who is to be served, knowing who is being served already; it stays in the queue until `pop_request`."""
        served = Counter(item.owner for item in running)
        for owner in sorted(self._waiting, key=lambda name: served[name]):  # sorting keeps the order among equals
            for item in self._waiting[owner]:
                if item not in passed_over:
                    return item
        return None

    def pop_request(self, item: T) -> bool:
        """Take out who is served now, which sends its owner to the end; False when it is not waiting any more."""
        if not self.remove_request(item):
            return False
        if item.owner in self._waiting:
            self._waiting.move_to_end(item.owner)
        return True

    def remove_request(self, item: T) -> bool:
        """Take one out of the middle; False when it is not waiting."""
        line = self._waiting.get(item.owner)
        if line is None or item not in line:
            return False
        line.remove(item)
        if not line:
            del self._waiting[item.owner]
        return True

    def drain(self) -> list[T]:
        """Take out all."""
        items = list(self)
        self._waiting.clear()
        return items
