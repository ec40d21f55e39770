"""What is told to sessions and was not read yet: bounded for each address, and let go once it is read."""

import asyncio
from typing import Any

from gradio.queueing import Queue
from gradio.utils import LRUCache

from playground.sentence import N_

MAX_STREAMS = 4096
MAX_UNREAD_OF_ONE = 1024
"""Of one address: a room full of visitors behind one router, each with a few answers on their way."""
UNREAD = N_("Many answers for your network were not fetched yet. Fetch them, or try again in a minute.")


class Streams(LRUCache[str, Any]):  # type: ignore[misc]  # Gradio's has no types
    """The messages for each session. Gradio's own forgets the oldest of 2,000, also one that is being read."""

    def __init__(self, queue: Queue) -> None:
        super().__init__(MAX_STREAMS)
        self._waiting: dict[str, set[str]] = queue.pending_event_ids_session
        self._events: dict[str, Any] = queue.event_ids_to_events
        self._addresses: dict[str, str] = {}
        """Where each session's last event came from."""

    def __setitem__(self, session: str, messages: Any) -> None:
        if session not in self and len(self) >= self.max_size:
            read = (one for one in self if not self._waiting.get(one))
            self.forget(next(read, next(iter(self))))
        super().__setitem__(session, messages)

    def is_full_for(self, address: str) -> bool:
        return sum(len(self._waiting[one]) for one in self.waiting_for(address)) >= MAX_UNREAD_OF_ONE

    def waiting_for(self, address: str) -> list[str]:
        """The sessions of an address that have not read all, the oldest first."""
        return [one for one, events in self._waiting.items() if events and self._addresses.get(one) == address]

    def came_from(self, session: str, address: str) -> None:
        self._addresses[session] = address

    def end(self, session: str) -> None:
        """A call was answered, or its page closed: let go of it, and of what goes on for nobody.

        What has ended and was not read stays. A page reads one stream after another, also where nothing is left to be
        read: so its messages are kept as long as it is open.
        """
        waiting = self._waiting.get(session, set())
        waiting -= {one for one in waiting if one in self._events and not self._events[one].alive}
        if not waiting:
            self.forget(session)

    def clear(self, session: str) -> None:
        """Let go of what nobody has read; the session goes on."""
        self._waiting[session] = set()
        self[session] = asyncio.Queue()

    def forget(self, session: str) -> None:
        for kept in (self, self._waiting, self._addresses):
            kept.pop(session, None)
