"""Gradio's queue, in which an event begins when somebody reads what it tells, and ends when nobody does any more.

By itself Gradio works off every event, read or not, 40 at a time; it looks for new ones a thousand times a second, and
counts all that there were after each. Here an event begins at once, and the engine admits what computes.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gradio as gr
from fastapi import HTTPException
from gradio.queueing import Event, Queue
from gradio.server_messages import ProcessCompletedMessage
from gradio.utils import error_payload, set_task_name

from playground.errors import BusyError
from playground.i18n.catalog import gettext, locale_of
from playground.sentence import N_
from playground.service.owners import ADDRESS_HEADER, Owners
from playground.ui.errors import toast
from playground.ui.sessions import Sessions
from playground.ui.streams import UNREAD, Streams

UNREAD_S = 5.0
"""How long an event goes on that nobody reads."""
WAIT_S = 60.0
"""How long one that has not begun waits for its reader: a person may copy its name from one line to the next."""
MAX_GOING_OF_ONE, MAX_GOING = 1024, 4096
"""Events of one address, and of all, that go on at once. Most of them wait for the model, which bounds them itself."""
MAX_SENT_OF_ONE_BYTES, MAX_SENT_BYTES = 32 * 2**20, 128 * 2**20
"""What events were sent that wait or go on."""
NO_EVENT = N_("The page is older than this server. Load it anew.")
CLOSING = N_("The app is closing. Try again when it is back.")
TOO_MUCH = N_("Too much is being sent at once. Try again in a minute.")
_MAX_TOLD_S = 300


@dataclass(eq=False, slots=True)
class _Going:
    """An event that waits for its reader, or goes on: then it has a task."""

    event: Event
    address: str
    num_bytes: int
    task: "asyncio.Task[None] | None" = None


class EventQueue(Queue):  # type: ignore[misc]  # Gradio's has no types
    """`happen` names the endpoints that do something, and so begin without a reader."""

    def __init__(self, page: gr.Blocks, owners: Owners, sessions: Sessions, happen: Collection[str] = ()) -> None:
        super().__init__(True, 0, 1.0, None, page, default_concurrency_limit=None)
        self.ANALYTICS_MAX_EVENTS = 0
        self.streams = self.pending_messages_per_session = Streams(self)
        self.sessions = sessions
        self._owners = owners
        self._happen = frozenset(happen)
        self._going: dict[str, _Going] = {}
        self._begun: Counter[str] = Counter()
        self._num_bytes: Counter[str] = Counter()
        self._readers: Counter[str] = Counter()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._ends: deque[float] = deque(maxlen=64)
        self._closing = False

    def start(self) -> None:
        """Nothing has to look for events."""

    def close(self) -> None:
        """Tell whoever reads or waits, and end everything. Gradio's own has streams end after ten seconds."""
        self._closing = True
        for going in list(self._going.values()):
            self._tell(going.event, BusyError(CLOSING))
            self._end(going)

    async def push(self, body: Any, request: Any, username: str | None) -> Any:
        """Take in an event within the caller's own session; a plain call gets its name sealed for the caller alone."""
        headers = request.headers
        address = headers.get(ADDRESS_HEADER, "")
        if body.fn_index is not None and body.fn_index not in self.blocks.fns:
            raise HTTPException(404, gettext(locale_of(headers), NO_EVENT))
        if self._closing:
            raise HTTPException(503, gettext(locale_of(headers), CLOSING))
        num_bytes = len(getattr(request, "_body", b""))
        self._make_room(headers, address, num_bytes)
        if body.session_hash:
            body.session_hash = self._owners.own_name(headers, body.session_hash)
            self.sessions.enter(body.session_hash, address)
        joined, name, state = await super().push(body, request, username)
        if joined:
            request._body = b""  # its values are in the event
            self._take(_Going(self.event_ids_to_events[name], address, num_bytes))
            name = self._owners.seal(headers, name) if body.simple_format else name
        return joined, name, state

    @contextmanager
    def reading(self, session: str) -> Iterator[None]:
        """Begin what has waited for this reader."""
        self._readers[session] += 1
        self._stop_timer(session)
        for going in self._of(session):
            if going.task is None:
                self._begin(going)
        try:
            yield
        finally:
            self._readers[session] -= 1
            if not self._readers[session]:
                del self._readers[session]
                self._wait_for_reader(session)
            if session not in self.streams:  # its connection broke
                self.streams.forget(session)

    def session_of(self, name: str) -> str:
        """An event's session; one that is not there any more is a plain call's, which has its session's name."""
        if name in self._going:
            return str(self._going[name].event.session_hash)
        return next((one for one, names in self.pending_event_ids_session.items() if name in names), name)

    def send_message(self, event: Event, event_message: Any) -> None:
        if event.session_hash in self.streams:  # else its reader's connection has just broken
            super().send_message(event, event_message)

    async def clean_events(self, *, session_hash: str | None = None, event_id: str | None = None) -> None:
        """A reader has left: what it read ends at once, also what still waits for the model."""
        found = self._of(session_hash) if session_hash else []
        for going in [*found, *([self._going[event_id]] if event_id in self._going else [])]:
            self._forget(going)

    async def remove_from_queue(self, event_id: str) -> None:
        """Stop was pressed: one that has not begun never does."""
        going = self._going.get(event_id)
        if going and going.task is None:
            self._drop(going)

    def compute_analytics_summary(self, records: object) -> None:
        """Nobody reads it, and it takes longer with each event that there was."""

    def _make_room(self, headers: Any, address: str, num_bytes: int) -> None:
        """What was asked for from the same address and is not read gives way, the oldest first: whoever asks reads."""

        def is_much() -> bool:
            of_one, of_all = self._num_bytes[address] + num_bytes, self._num_bytes.total() + num_bytes
            return of_one > MAX_SENT_OF_ONE_BYTES or of_all > MAX_SENT_BYTES

        unread = (one for one in self.streams.waiting_for(address) if one not in self._readers)
        while (is_much() or self.streams.is_full_for(address)) and (oldest := next(unread, None)):
            self._let_go(oldest)
        if is_much():
            raise HTTPException(429, gettext(locale_of(headers), TOO_MUCH))
        if self.streams.is_full_for(address):
            raise HTTPException(429, gettext(locale_of(headers), UNREAD))

    def _take(self, going: _Going) -> None:
        event = going.event
        self.event_queue_per_concurrency_id[event.concurrency_id].queue.remove(event)
        self._going[event._id] = going
        self._num_bytes[going.address] += going.num_bytes
        self.streams.came_from(event.session_hash, going.address)
        if event.session_hash in self._readers or event.fn.api_name in self._happen:
            self._begin(going)
        self._wait_for_reader(event.session_hash)

    def _begin(self, going: _Going) -> None:
        event, address = going.event, going.address
        if self._begun[address] >= MAX_GOING_OF_ONE or self._begun.total() >= MAX_GOING:
            self._refuse(going)
            return
        self._begun[address] += 1
        self.event_queue_per_concurrency_id[event.concurrency_id].current_concurrency += 1
        events = [event]
        self.active_jobs.append(events)
        going.task = asyncio.create_task(self.process_events(events, False, time.time(), event.fn))
        set_task_name(going.task, event.session_hash, event.fn._id, event._id, False)  # by which Stop finds it
        going.task.add_done_callback(lambda _: self._ended(going))

    def _refuse(self, going: _Going) -> None:
        count = self._begun.total()
        rate = len(self._ends) / max(1e-3, time.monotonic() - self._ends[0]) if self._ends else 1.0
        seconds = min(_MAX_TOLD_S, max(1, round(count / rate)))
        sentence = N_("{count} requests are going on here already. Try again in about {seconds} seconds.")
        self._tell(going.event, BusyError(sentence, count=count, seconds=seconds))
        self._drop(going)

    def _tell(self, event: Event, error: BusyError) -> None:
        told = error_payload(toast(error, (gr.Request(event.request),)), True)
        self.send_message(event, ProcessCompletedMessage(output=told, title=told.get("title"), success=False))

    def _forget(self, going: _Going) -> None:
        """End what nobody will read."""
        event = going.event
        self.pending_event_ids_session.get(event.session_hash, set()).discard(event._id)
        self._end(going)

    def _end(self, going: _Going) -> None:
        going.event.alive = False
        if going.task is None:
            self._drop(going)
        else:
            going.task.cancel()

    def _ended(self, going: _Going) -> None:
        """A task may be cancelled before its first step, so that nothing of it has run."""
        self.active_jobs[:] = [one for one in self.active_jobs if one and one[0] is not going.event]
        self._begun[going.address] -= 1
        if not self._begun[going.address]:
            del self._begun[going.address]
        self._ends.append(time.monotonic())
        self._drop(going)

    def _drop(self, going: _Going) -> None:
        event = going.event
        del self._going[event._id]
        self.event_ids_to_events.pop(event._id, None)
        self._num_bytes[going.address] -= going.num_bytes
        if not self._num_bytes[going.address]:
            del self._num_bytes[going.address]
        if event.session_hash == event._id:
            self.sessions.forget(event._id)

    def _of(self, session: str) -> list[_Going]:
        waiting = self.pending_event_ids_session.get(session, ())
        return [self._going[name] for name in waiting if name in self._going]

    def _wait_for_reader(self, session: str) -> None:
        self._stop_timer(session)
        if session not in self._readers and self.pending_event_ids_session.get(session):
            loop = asyncio.get_running_loop()
            self._timers[session] = loop.call_later(UNREAD_S, self._nobody_reads, session)

    def _nobody_reads(self, session: str) -> None:
        for going in self._of(session):
            if going.task is not None:
                self._forget(going)
        rest = asyncio.get_running_loop().call_later(WAIT_S - UNREAD_S, self._let_go, session)
        self._timers[session] = rest

    def _let_go(self, session: str) -> None:
        """Nobody came for it."""
        self._stop_timer(session)
        for going in self._of(session):
            self._forget(going)
        if self.sessions.is_open(session):
            self.streams.clear(session)
        else:
            self.streams.forget(session)

    def _stop_timer(self, session: str) -> None:
        if timer := self._timers.pop(session, None):
            timer.cancel()
