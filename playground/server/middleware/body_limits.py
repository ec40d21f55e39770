"""What visitors send: bounded while it arrives, so that no stranger fills the memory or the disk."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from playground.adapters.archive import OVERHEAD_BYTES
from playground.data.table import MAX_FILE_BYTES
from playground.errors import InputError
from playground.i18n.catalog import gettext, locale_of
from playground.service.services import Services
from playground.service.uploads import KEPT_S, sweep
from playground.ui.gradio_patches import bound_gradio

MAX_MESSAGE_BYTES = 8 * 2**20
"""Of everything but files: a long chat is far smaller."""
MAX_UPLOADS_BYTES = 10 * 2**30
MAX_SILENCE_S = 60.0
_MAX_DRAINED_BYTES = 2**30


def largest_zip(services: Services) -> int:
    """What a zip with an adapter of the loaded model may have, in bytes."""
    return services.host.info.max_adapter_bytes + OVERHEAD_BYTES


@dataclass(slots=True)
class Arrival:
    """What one visitor sends in one request; `size` in bytes, so far."""

    owner: str
    at: float
    size: int = 0


class BodyLimitMiddleware:
    """ASGI middleware: what is too large or too much is refused with one sentence and leaves nothing behind.

    The daily bound of one visitor holds off accidents, since keys are free; the bound of all together holds off
    malice.
    """

    def __init__(self, app: Any, services: Services) -> None:
        self.app = app
        self.services = services
        self.owners = services.owners
        zip_bytes = largest_zip(services)
        bound_gradio(zip_bytes)
        self.most_a_day = 4 * zip_bytes + 20 * MAX_FILE_BYTES
        self._sent: list[Arrival] = []
        self._arriving: list[Arrival] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
        elif scope["path"].endswith("/process_recording"):  # would keep whatever comes; nothing here records
            await PlainTextResponse("Not Found", 404)(scope, receive, send)
        elif scope["path"].endswith("/upload"):
            await self._upload(scope, receive, send)
        else:
            await self.app(scope, _Body(receive, _short_enough).receive, send)

    async def _upload(self, scope: Any, receive: Any, send: Any) -> None:
        request: Any = Request(scope)
        arrival = Arrival(self.owners.identify(request.headers), time.time())
        there = await asyncio.to_thread(sweep, self.services.data, arrival.at)
        self._sent = [sent for sent in self._sent if arrival.at - sent.at < KEPT_S] + [arrival]
        self._arriving.append(arrival)

        def check(size: int) -> None:
            arrival.size = size
            try:
                self._check(arrival.owner, there)
            except InputError as error:
                arrival.size = 0  # what is refused leaves its room to the others
                raise MultiPartException(gettext(locale_of(request.headers), error.sentence)) from error

        body = _Body(receive, check, whole=True)

        async def send_at_the_end(message: Any) -> None:
            if message["type"] == "http.response.start":
                arrival.size = arrival.size if message["status"] == 200 else 0
                await body.drain()  # a browser that is cut off while it sends never reads why
            await send(message)

        try:
            await self.app(scope, body.receive, send_at_the_end)
        finally:
            self._arriving.remove(arrival)

    def _check(self, owner: str, there: int) -> None:
        """Raise `InputError` where the visitor, or all together, have sent too much."""
        sent = sum(arrival.size for arrival in self._sent if arrival.owner == owner)
        if self.owners.mode == "public" and sent > self.most_a_day:
            raise InputError(
                "You have sent {size} GB within a day, the most there can be. Try again tomorrow.",
                size=f"{self.most_a_day / 1e9:.1f}",
            )
        if there + sum(arrival.size for arrival in self._arriving) > MAX_UPLOADS_BYTES:
            raise InputError("The server has no room for more files now. Try again in some hours.")
        self.services.check_disk()


class _Body:
    """The body of a request; `check` is told its size so far with each piece, and raises to refuse the rest.

    `whole` is for a body of which a part is worth nothing. One that breaks off or stands still is then an error of
    the kind after which Gradio removes what it has written.
    """

    def __init__(
        self, receive: Callable[[], Awaitable[Any]], check: Callable[[int], None], whole: bool = False
    ) -> None:
        self._receive = receive
        self._check = check
        self._whole = whole
        self._size = 0
        self._more = True

    async def receive(self) -> Any:
        if not self._more:
            return await self._receive()
        message = await self._next()
        self._check(self._size)
        return message

    async def drain(self) -> None:
        """Let the rest pass by, kept nowhere, unless it has no end."""
        try:
            while self._more and self._size < _MAX_DRAINED_BYTES:
                await self._next()
        except MultiPartException:  # it comes no further
            self._more = False

    async def _next(self) -> Any:
        try:
            message = await asyncio.wait_for(self._receive(), MAX_SILENCE_S if self._whole else None)
        except TimeoutError as error:
            raise MultiPartException("Nothing came any more.") from error
        self._size += len(message.get("body", b""))
        self._more = message.get("more_body", False)
        if self._whole and message["type"] == "http.disconnect":
            raise MultiPartException("It broke off.")
        return message


def _short_enough(size: int) -> None:
    if size > MAX_MESSAGE_BYTES:
        raise MultiPartException("That is too long to be sent.")
