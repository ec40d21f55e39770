"""Gives a browser that opens the page the key by which its visitor is known again."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.errors import BusyError
from playground.i18n.catalog import gettext, locale_of
from playground.service.owners import ADDRESS_HEADER, COOKIE, Owners

_YEAR_S = 365 * 24 * 3600


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
        cookie = f"{COOKIE}={key}; Path=/; Max-Age={_YEAR_S}; HttpOnly; {_attributes(scope)}"

        async def send_with_key(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        await self.app(scope, receive, send_with_key)


def _attributes(scope: Scope) -> str:
    """Inside the frame of a Space the cookie is a third party's, which browsers allow only like this."""
    forwarded = Headers(scope=scope).get("x-forwarded-proto", "").split(",")[0]
    return "SameSite=None; Secure; Partitioned" if "https" in (scope.get("scheme"), forwarded) else "SameSite=Lax"
