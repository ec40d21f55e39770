"""Who is next: a bounded queue that is fair between addresses, and between the owners of one, however many requests
one of them sends.

Owners are free to make, addresses are not: so shares are counted by address first.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from playground.errors import BusyError


class Queued(Protocol):
    """What can wait: it belongs to an owner, and came from an address."""

    @property
    def owner(self) -> str: ...

    @property
    def address(self) -> str: ...


T = TypeVar("T", bound=Queued)


class FairRequestQueue(Generic[T]):
    """Not thread-safe: the engine guards it with its own lock.

    The next one is of the address that has the fewest running, among equals of the one that was served longest ago;
    within an address it is the same among its owners.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._waiting: OrderedDict[str, OrderedDict[str, deque[T]]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(_waiting, self._waiting.values()))

    def __iter__(self) -> Iterator[T]:
        for lines in self._waiting.values():
            for line in lines.values():
                yield from line

    def add_request(self, item: T, wait_s: float) -> T | None:
        """Add to the end of its owner's line.

        In a full queue the newest of the longest line of who has most waiting gives way and is returned, so that nobody
        can fill it alone. Raises `BusyError` with the estimated wait where that is the sender, or has hardly more.
        """
        displaced = self._make_room(item, wait_s) if len(self) >= self._capacity else None
        self._line(item).append(item)
        return displaced

    def put_back(self, item: T) -> None:
        """Let one that was served go on as the first of its owner's line, also where the queue is full."""
        self._line(item).appendleft(item)

    def busy(self, wait_s: float) -> BusyError:
        """What one is told for whom there is no room."""
        return BusyError(
            "The model has {waiting} requests waiting. Try again in about {seconds} seconds.",
            waiting=len(self),
            seconds=max(1, round(wait_s)),
        )

    def peek_request(self, running: Collection[T], passed_over: Collection[T] = ()) -> T | None:
        """Who is to be served, knowing who is being served already; it stays in the queue until `pop_request`."""
        addresses = Counter(item.address for item in running)
        owners = Counter(item.owner for item in running)
        for address in sorted(self._waiting, key=addresses.__getitem__):  # sorting keeps the order among equals
            lines = self._waiting[address]
            for owner in sorted(lines, key=owners.__getitem__):
                for item in lines[owner]:
                    if item not in passed_over:
                        return item
        return None

    def pop_request(self, item: T) -> bool:
        """Take out who is served now, which sends its owner and address to the end; False when it does not wait."""
        if not self.remove_request(item):
            return False
        if item.address in self._waiting:
            self._waiting.move_to_end(item.address)
            if item.owner in self._waiting[item.address]:
                self._waiting[item.address].move_to_end(item.owner)
        return True

    def remove_request(self, item: T) -> bool:
        """Take one out of the middle; False when it is not waiting."""
        lines = self._waiting.get(item.address, OrderedDict())
        line = lines.get(item.owner)
        if line is None or item not in line:
            return False
        line.remove(item)
        if not line:
            del lines[item.owner]
        if not lines:
            del self._waiting[item.address]
        return True

    def drain(self) -> list[T]:
        """Take out all."""
        items = list(self)
        self._waiting.clear()
        return items

    def _line(self, item: T) -> deque[T]:
        return self._waiting.setdefault(item.address, OrderedDict()).setdefault(item.owner, deque())

    def _make_room(self, item: T, wait_s: float) -> T:
        own = self._waiting.get(item.address, OrderedDict())
        most = max(self._waiting.values(), key=_waiting, default=own)
        line = max(most.values(), key=len, default=deque[T]())
        more = len(line) - len(own.get(item.owner, ())) if most is own else _waiting(most) - _waiting(own)
        if more < 2:
            raise self.busy(wait_s)
        displaced = line[-1]
        self.remove_request(displaced)
        return displaced


def _waiting(lines: OrderedDict[str, deque[T]]) -> int:
    return sum(map(len, lines.values()))


def who_gives_way(newcomer: T, running: Sequence[T], is_enough: Callable[[Sequence[T]], bool]) -> list[T]:
    """Which of `running`, the oldest first, let a newcomer in: the newest of the address that has the most, else of the
    owner at the newcomer's own address that has.

    None where these would then have fewer than the newcomer's, or where `is_enough` never holds of who is left.
    """
    left, gone = list(running), []
    while not is_enough(left):
        at_home = [item for item in left if item.address == newcomer.address]
        most = _most(left, lambda item: item.address, newcomer) or _most(at_home, lambda item: item.owner, newcomer)
        if not most:
            return []
        owners = Counter(item.owner for item in most)
        last = [item for item in most if item.owner == max(owners, key=owners.__getitem__)][-1]
        left.remove(last)
        gone.append(last)
    return gone


def _most(items: Sequence[T], share: Callable[[T], str], newcomer: T) -> list[T]:
    """Those of whoever has most, if that is at least two more than the newcomer's has."""
    counts = Counter(map(share, items))
    name, most = max(counts.items(), key=lambda one: one[1], default=("", 0))
    return [item for item in items if share(item) == name] if most - counts[share(newcomer)] > 1 else []
