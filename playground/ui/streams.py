"""What is told to sessions and was not read yet: bounded for each address, and let go once it is read."""

import time
from typing import Any

import gradio as gr
from gradio.queueing import Queue
from gradio.utils import LRUCache

from playground.sentence import N_

MAX_STREAMS = 4096
MAX_UNREAD_OF_ONE = 1024
"""Of one address: a room full of visitors behind one router, each with a few answers on their way."""
UNREAD_S = 600.0
"""How long the answer to an event that has ended may wait, where room is short."""
UNREAD = N_("Many answers for your network were not fetched yet. Fetch them, or try again in a minute.")


class Streams(LRUCache[str, Any]):  # type: ignore[misc]  # Gradio's has no types
    """The messages for each session. Gradio's own forgets the oldest of 2,000, also one that is being read."""

    def __init__(self, queue: Queue) -> None:
        super().__init__(MAX_STREAMS)
        self._waiting: dict[str, set[str]] = queue.pending_event_ids_session
        self._events: dict[str, Any] = queue.event_ids_to_events
        self._begun: dict[str, tuple[str, float]] = {}
        """For each session, the address of its last event, and when that was."""

    def __setitem__(self, session: str, messages: Any) -> None:
        if session not in self and len(self) >= self.max_size:
            read = (one for one in self if not self._waiting.get(one))
            self.forget(next(read, next(iter(self))))
        super().__setitem__(session, messages)

    def is_full_for(self, address: str) -> bool:
        if self._unread_of(address) < MAX_UNREAD_OF_ONE:
            return False
        now = time.monotonic()
        for session, (_, at) in list(self._begun.items()):
            going = any(event in self._events for event in self._waiting.get(session, ()))
            if now - at > UNREAD_S and not going:
                self.forget(session)
        return self._unread_of(address) >= MAX_UNREAD_OF_ONE

    def came_from(self, session: str, address: str) -> None:
        self._begun[session] = (address, time.monotonic())

    def end(self, session: str) -> None:
        """A call was answered, or its page closed: let go of it, and of what goes on for nobody.

        What has ended and was not read stays. A page reads one stream after another, also where nothing is left to be
        read: so its messages are kept as long as it is open.
        """
        waiting = self._waiting.get(session, set())
        waiting -= {one for one in waiting if one in self._events and not self._events[one].alive}
        if not waiting:
            self.forget(session)

    def forget(self, session: str) -> None:
        self.pop(session, None)
        self._waiting.pop(session, None)
        self._begun.pop(session, None)

    def _unread_of(self, address: str) -> int:
        return sum(
            self._begun.get(session, ("", 0))[0] == address for session, events in self._waiting.items() if events
        )


def streams_of(page: gr.Blocks) -> Streams:
    """The page's, put in the place of Gradio's own at first."""
    queue = page._queue
    if not isinstance(queue.pending_messages_per_session, Streams):
        queue.pending_messages_per_session = Streams(queue)
    found: Streams = queue.pending_messages_per_session
    return found
