"""How many connections there can be, how many of one address, and how long one may ask for nothing or take nothing."""

import asyncio
import sys
from collections import Counter
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from playground.server.address import network

HEAD_S = 20.0
"""How long the head of a request may take to arrive, from the connection's begin or the last answer's end."""
UNREAD_S, UNREAD_STREAM_S = 60.0, 5.0
"""How long whoever was answered may take nothing of it: of a stream, something goes on for nobody meanwhile."""
STREAMS = ("/gradio_api/call/", "/gradio_api/queue/", "/gradio_api/heartbeat/")
MAX_CONNECTIONS = 4096
MAX_OF_ONE = 1024
"""Connections of one address, where no proxy stands before the server: else all come from the proxy's."""


class BoundedProtocol(H11Protocol):
    """Closes a connection that asks for nothing, or takes nothing. uvicorn does so only between two requests."""

    open: ClassVar[Counter[str]] = Counter()
    max_of_one: int | None = MAX_OF_ONE
    _peer = ""
    _timer: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._peer = network(self.client[0]) if self.client else ""
        self.open[self._peer] += 1
        if self.max_of_one is not None and self.open[self._peer] > self.max_of_one:
            transport.abort()
        else:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self.open[self._peer] -= 1
        if not self.open[self._peer]:
            del self.open[self._peer]
        self._stop_waiting()
        super().connection_lost(exc)  # resumes writing

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait_for_reader(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        super().resume_writing()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait_for_head()

    def _wait_for_reader(self, unread: int) -> None:
        patience = UNREAD_STREAM_S if str(self.scope["path"]).startswith(STREAMS) else UNREAD_S
        self._reading = self.loop.call_later(patience, self._close_if_unread, unread)

    def _close_if_unread(self, before: int) -> None:
        unread = self.transport.get_write_buffer_size()
        if unread < before:
            self._wait_for_reader(unread)
        else:
            self.transport.abort()

    def _wait_for_head(self) -> None:
        self._stop_waiting()
        if not self.transport.is_closing():
            self._timer = self.loop.call_later(HEAD_S, self._close_if_silent)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_if_silent(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


def protocol_for(trusted_proxies: int) -> type[Any]:
    """The protocol for one server."""
    bounds: dict[str, Any] = {"open": Counter(), "max_of_one": None if trusted_proxies else MAX_OF_ONE}
    return type("Protocol", (BoundedProtocol,), bounds)


def allow_many_files() -> None:
    """Each connection is an open file to the system, which allows few of them until it is asked."""
    if sys.platform == "win32":  # has no such bound
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MAX_CONNECTIONS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
