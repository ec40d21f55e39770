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


class FairQueue(Generic[T]):
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

    def push(self, item: T, wait_s: float) -> None:
        """Add to the end of its owner's line. Raises `BusyError` with the estimated wait when the queue is full."""
        if len(self) >= self._capacity:
            raise BusyError(
                "The model has {waiting} requests waiting. Try again in about {seconds} seconds.",
                waiting=len(self),
                seconds=max(1, round(wait_s)),
            )
        self._waiting.setdefault(item.owner, deque()).append(item)

    def pop(self, running: Collection[T]) -> T | None:
        """Take the next one out, knowing who is being served already."""
        if not self._waiting:
            return None
        served = Counter(item.owner for item in running)
        owner = min(self._waiting, key=lambda name: served[name])  # `min` keeps the order among equals
        line = self._waiting[owner]
        item = line.popleft()
        if line:
            self._waiting.move_to_end(owner)
        else:
            del self._waiting[owner]
        return item

    def put_back(self, item: T) -> None:
        """Return what could not be started yet to the very front."""
        self._waiting.setdefault(item.owner, deque()).appendleft(item)
        self._waiting.move_to_end(item.owner, last=False)

    def remove(self, item: T) -> bool:
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
