"""The queue is bounded and fair."""

from dataclasses import dataclass

import pytest

from playground.engine.sched.request_queue import FairRequestQueue, who_gives_way
from playground.errors import BusyError


@dataclass(eq=False)
class Item:
    owner: str
    number: int = 0
    address: str = ""


def served(queue: FairRequestQueue[Item], running: list[Item] | None = None) -> Item | None:
    item = queue.peek_request(running or [])
    return item if item is not None and queue.pop_request(item) else None


def test_owners_take_turns_and_keep_their_order() -> None:
    """One from each in turn; within an owner first come, first served."""
    queue: FairRequestQueue[Item] = FairRequestQueue(10)
    items = [Item("a", 1), Item("a", 2), Item("a", 3), Item("b", 4), Item("c", 5)]
    for item in items:
        queue.add_request(item, 1.0)
    taken = [served(queue) for _ in range(6)]
    assert [item.number for item in taken[:5] if item] == [1, 4, 5, 2, 3]
    assert taken[5] is None


def test_who_has_the_fewest_running_is_next() -> None:
    """An owner who is being served already waits for those who are not."""
    queue: FairRequestQueue[Item] = FairRequestQueue(10)
    for owner in ("a", "b"):
        queue.add_request(Item(owner), 1.0)
    first = served(queue, [Item("a"), Item("a"), Item("b")])
    assert first is not None
    assert first.owner == "b"


def test_who_is_passed_over_keeps_its_turn() -> None:
    """What cannot be started yet lets others by, and is the next one again."""
    queue: FairRequestQueue[Item] = FairRequestQueue(10)
    items = [Item("a", 1), Item("a", 2), Item("b", 3)]
    for item in items:
        queue.add_request(item, 1.0)
    assert queue.peek_request([], [items[0]]) is items[1]
    assert queue.peek_request([], items[:2]) is items[2]
    assert queue.peek_request([], items) is None
    assert queue.peek_request([]) is items[0]
    assert len(queue) == 3


def test_nobody_fills_the_queue_alone() -> None:
    """When it is full, the newest of who has most waiting gives way to who has few; among equals nobody does."""
    queue: FairRequestQueue[Item] = FairRequestQueue(3)
    items = [Item("a", number) for number in range(3)]
    for item in items:
        queue.add_request(item, 1.0)
    assert queue.add_request(Item("b"), 1.0) is items[2]
    assert [item.owner for item in queue] == ["a", "a", "b"]
    with pytest.raises(BusyError):
        queue.add_request(Item("b"), 1.0)
    with pytest.raises(BusyError):
        queue.add_request(Item("a"), 1.0)


def test_full_says_when() -> None:
    """Beyond the bound the sentence tells how many wait and for how long; removing one makes room."""
    queue: FairRequestQueue[Item] = FairRequestQueue(2)
    items = [Item("a"), Item("b")]
    for item in items:
        queue.add_request(item, 1.0)
    with pytest.raises(BusyError, match=r"2 requests waiting.*about 7 seconds"):
        queue.add_request(Item("c"), 6.8)
    assert queue.remove_request(items[0])
    assert not queue.remove_request(items[0])
    queue.add_request(Item("c"), 1.0)
    assert [item.owner for item in queue.drain()] == ["b", "c"]
    assert len(queue) == 0


def test_an_address_counts_before_its_owners() -> None:
    """Owners are free: ninety-nine of one address have one share, and so has a single visitor of another."""
    queue: FairRequestQueue[Item] = FairRequestQueue(10)
    for item in [*(Item(f"o{number}", number, "here") for number in range(4)), Item("x", 9, "there")]:
        queue.add_request(item, 1.0)
    taken = []
    while (item := served(queue, taken)) is not None:
        taken.append(item)
    assert [item.number for item in taken] == [0, 9, 1, 2, 3]


def test_an_address_cannot_fill_the_queue_with_owners() -> None:
    """In a full queue the newest of the address with most gives way, whoever its owners are."""
    queue: FairRequestQueue[Item] = FairRequestQueue(3)
    items = [Item(f"o{number}", number, "here") for number in range(3)]
    for item in items:
        queue.add_request(item, 1.0)
    with pytest.raises(BusyError):
        queue.add_request(Item("o4", 4, "here"), 1.0)
    assert queue.add_request(Item("x", 9, "there"), 1.0) in items
    assert sorted(item.address for item in queue) == ["here", "here", "there"]


def test_who_was_served_goes_on_first() -> None:
    """One that gave way is the next of its owner's, also where there is no room for new ones."""
    queue: FairRequestQueue[Item] = FairRequestQueue(1)
    queue.add_request(Item("a", 1), 1.0)
    queue.put_back(Item("a", 0))
    assert [item.number for item in queue] == [0, 1]


@pytest.mark.parametrize(
    ("running", "gone"),
    [
        (["h"] * 4, [3]),  # the newest of who has all
        (["h", "t", "u", "v"], []),  # who has no more than a share stays
        (["h", "h", "h", "n"], [2]),
        (["h", "h", "n", "n"], []),  # who asks has as much already
        (["h", "n", "t", "t", "n", "t", "t"], [6]),
    ],
)
def test_who_has_more_than_a_share_gives_way(running: list[str], gone: list[int]) -> None:
    """One at a time, until there is room; whoever would have less than the newcomer then stays."""
    items = [Item(address, at, address) for at, address in enumerate(running)]
    left = who_gives_way(Item("n", 99, "n"), items, lambda kept: len(kept) < len(items))
    assert [item.number for item in left] == gone


def test_nobody_gives_way_in_vain() -> None:
    """Where room cannot be made, all go on."""
    items = [Item("h", at, "h") for at in range(9)]
    assert who_gives_way(Item("n", 99, "n"), items, lambda kept: False) == []
    assert [item.number for item in who_gives_way(Item("n", 99, "n"), items, lambda kept: len(kept) < 7)] == [8, 7, 6]


def test_within_an_address_an_owner_gives_way() -> None:
    """One visitor of a household with all its places; but not where each has one."""
    items = [Item("ann", at, "home") for at in range(4)]
    newcomer = Item("bob", 99, "home")
    assert who_gives_way(newcomer, items, lambda left: len(left) < 4) == [items[3]]
    each = [Item(f"o{at}", at, "home") for at in range(4)]
    assert who_gives_way(newcomer, each, lambda left: len(left) < 4) == []
