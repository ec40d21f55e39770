"""Who waits for a place: bounded, one piece of work at a time for each address; whoever was served last goes last."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from playground.errors import BusyError
from playground.sentence import N_

MAX_WAITING = 64
MAX_WAITING_OF_ADDRESS = MAX_WAITING // 2
MAX_WAITING_OF_ONE = 6
FULL = N_("Many files are being read now. Try again in a minute.")
FULL_OF_YOURS = N_("Several files of yours are being read already. Wait until that is done.")
CLOSING = N_("The server is closing. Try again when it is back.")


class FairLine:
    """`places` addresses at once, however many owners come from one. For one event loop."""

    def __init__(self, places: int, address_of: Callable[[str], str] = lambda _: "") -> None:
        """`address_of` tells where an owner's requests come from; one of whom it knows nothing is by themselves."""
        self._places = places
        self._address_of = address_of
        self._served: set[str] = set()
        """Addresses."""
        self._waiting: dict[str, deque[_Turn]] = {}
        """By owner, in the order in which they come next."""
        self._closed = False

    @asynccontextmanager
    async def place(self, owner: str) -> AsyncIterator[None]:
        """Wait for a place and have it while the block goes on; raises `BusyError` where too many wait already."""
        turn = _Turn(self._address_of(owner) or owner, asyncio.get_running_loop().create_future())
        await self._arrive(owner, turn)
        try:
            yield
        finally:
            self._served.discard(turn.address)
            if owner in self._waiting:
                self._waiting[owner] = self._waiting.pop(owner)  # behind all others
            self._go_on()

    def close(self) -> None:
        """Send all who wait away, and whoever comes from now on."""
        self._closed = True
        for own in self._waiting.values():
            for one in own:
                if not one.come.done():
                    one.come.set_exception(BusyError(CLOSING))

    async def _arrive(self, owner: str, turn: "_Turn") -> None:
        if self._closed:
            raise BusyError(CLOSING)
        own = self._waiting.get(owner, ())
        if len(own) >= MAX_WAITING_OF_ONE:
            raise BusyError(FULL_OF_YOURS)
        addresses = [other.address for waiting in self._waiting.values() for other in waiting]
        if len(addresses) >= MAX_WAITING or addresses.count(turn.address) >= MAX_WAITING_OF_ADDRESS:
            raise BusyError(FULL)
        self._waiting.setdefault(owner, deque()).append(turn)
        self._go_on()
        try:
            await turn.come
        except BaseException:
            # It may have come just while it was given up.
            if turn.come.done() and not turn.come.cancelled() and turn.come.exception() is None:
                self._served.discard(turn.address)
            self._leave(owner, turn)
            self._go_on()
            raise

    def _go_on(self) -> None:
        """Serve whom there are places for."""
        for owner in list(self._waiting):
            if len(self._served) >= self._places:
                return
            own = self._waiting[owner]
            if own[0].address in self._served:
                continue
            turn = own.popleft()
            if not own:
                del self._waiting[owner]
            if turn.come.done():  # given up just now
                continue
            self._served.add(turn.address)
            turn.come.set_result(None)

    def _leave(self, owner: str, turn: "_Turn") -> None:
        own = self._waiting.get(owner)
        if own is not None and turn in own:
            own.remove(turn)
            if not own:
                del self._waiting[owner]


@dataclass(frozen=True, eq=False)
class _Turn:
    address: str
    come: asyncio.Future[None]
