"""What visitors send: bounded while it arrives, so that no stranger fills the memory or the disk."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.errors import InputError
from playground.i18n.catalog import gettext, locale_of
from playground.sentence import N_
from playground.server.address import address_of
from playground.service.owners import Owners
from playground.service.uploads import FOLDER_KEY, Uploads

MAX_MESSAGE_BYTES = 8 * 2**20
"""Of everything but files: a long chat is far smaller."""
MAX_MESSAGE_S, MAX_MESSAGE_SILENCE_S = 120.0, 20.0
MAX_OF_ONE_BYTES, MAX_OF_ALL_BYTES = 4 * MAX_MESSAGE_BYTES, 16 * MAX_MESSAGE_BYTES
"""Of one address' messages at once, and of all together: they are in memory."""
MAX_SILENCE_S = 60.0
"""Of a file."""
_MAX_DRAINED_BYTES = 2**30
TOO_LONG = N_("That is longer than {limit} MB. Send less.")
TOO_SLOW = N_("What you sent did not arrive in time. Try again.")
TOO_MUCH = N_("Too much is being sent at once. Try again in a minute.")


class BodyLimitMiddleware:
    """ASGI middleware: what is too large or too much is refused with one sentence and leaves nothing behind."""

    def __init__(self, app: ASGIApp, owners: Owners, uploads: Uploads, trusted_proxies: int = 0) -> None:
        self.app = app
        self.owners = owners
        self.uploads = uploads
        self.trusted_proxies = trusted_proxies
        self.held: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
        elif scope["path"].endswith("/upload"):
            await self._upload(scope, receive, send)
        else:
            await self._message(scope, receive, send)

    async def _message(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, message = Headers(scope=scope), _Message(receive, self.held, address_of(scope, self.trusted_proxies))
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > MAX_MESSAGE_BYTES:
            message.refused = (413, TOO_LONG)
        started = False

        async def send_unless_refused(answer: Message) -> None:
            nonlocal started
            if not message.refused:
                started = True
                await send(answer)

        try:
            if not message.refused:
                await self.app(scope, message.receive, send_unless_refused)
        except Exception:
            if not message.refused:  # else it is about a body that broke off
                raise
        finally:
            message.let_go()
        if message.refused and not started:
            status, sentence = message.refused
            told = gettext(locale_of(headers), sentence, limit=MAX_MESSAGE_BYTES // 2**20)
            await PlainTextResponse(told, status, headers={"connection": "close"})(scope, receive, send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            owner = self.owners.known_owner(headers)
            upload = await self.uploads.begin(owner, address_of(scope, self.trusted_proxies))
        except InputError as error:
            await _Body(receive, lambda _: None).drain()
            await PlainTextResponse(gettext(locale_of(headers), error.sentence), 400)(scope, receive, send)
            return

        def check(size: int) -> None:
            try:
                self.uploads.grow(upload, size)
            except InputError as error:
                raise MultiPartException(gettext(locale_of(headers), error.sentence)) from error

        body = _Body(receive, check)
        arrived = False

        async def send_at_the_end(message: Message) -> None:
            nonlocal arrived
            if message["type"] == "http.response.start":
                arrived = message["status"] == 200
                await body.drain()  # a browser that is cut off while it sends never reads why
            await send(message)

        try:
            await self.app({**scope, FOLDER_KEY: str(upload.folder)}, body.receive, send_at_the_end)
        finally:
            upload.size = upload.size if arrived else 0
            await self.uploads.end(upload)


class _Message:
    """The body of a request that is gathered in memory. Where it is `refused`, the application sees it break off."""

    def __init__(self, receive: Receive, held: Counter[str], address: str) -> None:
        self.refused: tuple[int, str] | None = None
        self._receive = receive
        self._held = held
        self._address = address
        self._size = 0
        self._until = time.monotonic() + MAX_MESSAGE_S
        self._more = True

    async def receive(self) -> Message:
        if not self._more:
            return await self._receive()
        patience = min(MAX_MESSAGE_SILENCE_S, self._until - time.monotonic())
        try:
            message = await asyncio.wait_for(self._receive(), patience)
        except TimeoutError:
            return self._refuse(408, TOO_SLOW)
        size = len(message.get("body", b""))
        self._size += size
        self._held[self._address] += size
        self._more = message.get("more_body", False)
        if self._size > MAX_MESSAGE_BYTES:
            return self._refuse(413, TOO_LONG)
        if self._held[self._address] > MAX_OF_ONE_BYTES or self._held.total() > MAX_OF_ALL_BYTES:
            return self._refuse(503, TOO_MUCH)
        return message

    def let_go(self) -> None:
        self._held[self._address] -= self._size
        if not self._held[self._address]:
            del self._held[self._address]

    def _refuse(self, status: int, sentence: str) -> Message:
        self.refused = (status, sentence)
        self._more = False
        return {"type": "http.disconnect"}


class _Body:
    """The body of a request with files; `check` is told its size so far with each piece, and raises to refuse the rest.

    One that breaks off or stands still is an error of the kind after which Gradio removes what it has written.
    """

    def __init__(self, receive: Receive, check: Callable[[int], None]) -> None:
        self._receive = receive
        self._check = check
        self._size = 0
        self._more = True

    async def receive(self) -> Message:
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

    async def _next(self) -> Message:
        try:
            message = await asyncio.wait_for(self._receive(), MAX_SILENCE_S)
        except TimeoutError as error:
            raise MultiPartException("Nothing came any more.") from error
        self._size += len(message.get("body", b""))
        self._more = message.get("more_body", False)
        if message["type"] == "http.disconnect":
            raise MultiPartException("It broke off.")
        return message
