"""Where a request comes from, told to all behind, and how many of them an address may have open, streams included."""

from collections import Counter

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from playground.i18n.catalog import gettext, locale_of
from playground.sentence import N_
from playground.server.address import address_of
from playground.service.owners import ADDRESS_HEADER

MAX_OPEN = 1024
"""A room with 200 visitors behind one router: each has two to four streams."""
TOO_MANY = N_("Too much is going on from your network at once. Close some of its pages, or try again in a minute.")


class OpenRequestsMiddleware:
    """ASGI middleware: whoever has as many open as there can be waits for one of them to end."""

    def __init__(self, app: ASGIApp, trusted_proxies: int) -> None:
        self.app = app
        self.trusted_proxies = trusted_proxies
        self.open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        address = address_of(scope, self.trusted_proxies)
        if self.open[address] >= MAX_OPEN:
            told = gettext(locale_of(Headers(scope=scope)), TOO_MANY)
            refusal = PlainTextResponse(told, 429, headers={"retry-after": "60", "connection": "close"})
            await refusal(scope, receive, send)
            return
        self.open[address] += 1
        try:
            await self.app(_with_address(scope, address), receive, send)
        finally:
            self.open[address] -= 1
            if not self.open[address]:
                del self.open[address]


def _with_address(scope: Scope, address: str) -> Scope:
    told = {**scope, "headers": list(scope["headers"])}
    MutableHeaders(scope=told)[ADDRESS_HEADER] = address
    return told
