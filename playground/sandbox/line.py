"""Who waits for a place: bounded, one piece of work at a time for each owner, and whoever was served last goes last."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playground.errors import BusyError
from playground.sentence import N_

MAX_WAITING = 64
MAX_WAITING_OF_ONE = 6
FULL = N_("Many files are being read now. Try again in a minute.")
FULL_OF_YOURS = N_("Several files of yours are being read already. Wait until that is done.")
CLOSING = N_("The server is closing. Try again when it is back.")


class FairLine:
    """`places` owners at once. For one event loop."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._served: set[str] = set()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """By owner, in the order in which they come next."""
        self._closed = False

    @asynccontextmanager
    async def place(self, owner: str) -> AsyncIterator[None]:
        """Wait for a place and have it while the block goes on; raises `BusyError` where too many wait already."""
        await self._arrive(owner)
        try:
            yield
        finally:
            self._served.discard(owner)
            if owner in self._waiting:
                self._waiting[owner] = self._waiting.pop(owner)  # behind all others
            self._go_on()

    def close(self) -> None:
        """Send all who wait away, and whoever comes from now on."""
        self._closed = True
        for own in self._waiting.values():
            for one in own:
                if not one.done():
                    one.set_exception(BusyError(CLOSING))

    async def _arrive(self, owner: str) -> None:
        if self._closed:
            raise BusyError(CLOSING)
        own = self._waiting.get(owner, ())
        if len(own) >= MAX_WAITING_OF_ONE:
            raise BusyError(FULL_OF_YOURS)
        if sum(map(len, self._waiting.values())) >= MAX_WAITING:
            raise BusyError(FULL)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(turn)
        self._go_on()
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:  # it came while it was given up
                self._served.discard(owner)
            self._leave(owner, turn)
            self._go_on()
            raise

    def _go_on(self) -> None:
        """Serve whom there are places for."""
        for owner in list(self._waiting):
            if len(self._served) >= self._places:
                return
            if owner in self._served:
                continue
            own = self._waiting[owner]
            turn = own.popleft()
            if not own:
                del self._waiting[owner]
            if turn.done():  # given up just now
                continue
            self._served.add(owner)
            turn.set_result(None)

    def _leave(self, owner: str, turn: "asyncio.Future[None]") -> None:
        own = self._waiting.get(owner)
        if own is not None and turn in own:
            own.remove(turn)
            if not own:
                del self._waiting[owner]
