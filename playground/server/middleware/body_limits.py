"""What visitors send: bounded while it arrives, so that no stranger fills the memory or the disk."""

import asyncio
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.errors import InputError
from playground.i18n.catalog import gettext, locale_of
from playground.service.owners import Owners
from playground.service.uploads import FOLDER_KEY, Uploads

MAX_MESSAGE_BYTES = 8 * 2**20
"""Of everything but files: a long chat is far smaller."""
MAX_SILENCE_S = 60.0
_MAX_DRAINED_BYTES = 2**30


class BodyLimitMiddleware:
    """ASGI middleware: what is too large or too much is refused with one sentence and leaves nothing behind."""

    def __init__(self, app: ASGIApp, owners: Owners, uploads: Uploads) -> None:
        self.app = app
        self.owners = owners
        self.uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
        elif scope["path"].endswith("/upload"):
            await self._upload(scope, receive, send)
        else:
            await self.app(scope, _Body(receive, _short_enough).receive, send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            upload = await self.uploads.begin(self.owners.known_owner(headers))
        except InputError as error:
            await _Body(receive, lambda _: None, whole=True).drain()
            await PlainTextResponse(gettext(locale_of(headers), error.sentence), 403)(scope, receive, send)
            return

        def check(size: int) -> None:
            try:
                self.uploads.grow(upload, size)
            except InputError as error:
                raise MultiPartException(gettext(locale_of(headers), error.sentence)) from error

        body = _Body(receive, check, whole=True)
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


class _Body:
    """The body of a request; `check` is told its size so far with each piece, and raises to refuse the rest.

    `whole` is for a body of which a part is worth nothing. One that breaks off or stands still is then an error of
    the kind after which Gradio removes what it has written.
    """

    def __init__(self, receive: Receive, check: Callable[[int], None], whole: bool = False) -> None:
        self._receive = receive
        self._check = check
        self._whole = whole
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
