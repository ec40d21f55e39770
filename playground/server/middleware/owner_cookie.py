"""Gives a browser that opens the page the key by which its visitor is known again."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.errors import BusyError
from playground.i18n.catalog import gettext, locale_of
from playground.server.cookies import cookie
from playground.service.owners import ADDRESS_HEADER, COOKIE, KEY_KEPT_S, Owners


class OwnerCookieMiddleware:
    """ASGI middleware: a browser that opens the page without a key gets one."""

    def __init__(self, app: ASGIApp, owners: Owners) -> None:
        self.app = app
        self.owners = owners

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/" or self.owners.has_key(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            key = self.owners.issue(headers.get(ADDRESS_HEADER, ""))
        except BusyError as error:
            await PlainTextResponse(gettext(locale_of(headers), error.sentence), 429)(scope, receive, send)
            return
        kept = cookie(scope, COOKIE, key, KEY_KEPT_S)

        async def send_with_key(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("set-cookie", kept)
            await send(message)

        await self.app(scope, receive, send_with_key)
