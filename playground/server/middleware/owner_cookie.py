"""Gives a browser that opens the page the key by which its visitor is known again, or what its key owns to the account
of who has signed in."""

import logging

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.errors import BusyError, PlaygroundError
from playground.i18n.catalog import gettext, locale_of
from playground.server.cookies import cookie
from playground.service.owners import ADDRESS_HEADER, COOKIE, KEY_KEPT_S, Owners
from playground.threads import slow

log = logging.getLogger(__name__)


class OwnerCookieMiddleware:
    """ASGI middleware: a browser that opens the page without a key gets one."""

    def __init__(self, app: ASGIApp, owners: Owners) -> None:
        self.app = app
        self.owners = owners

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if scope["type"] != "http" or scope["path"] != "/" or self.owners.has_key(headers):
            if scope["type"] == "http" and scope["path"] == "/":
                await self._take_over(scope, headers)
            await self.app(scope, receive, send)
            return
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

    async def _take_over(self, scope: Scope, headers: Headers) -> None:
        """What was made before signing in belongs to the account from the first page on that is opened after it."""
        account, earlier = self.owners.account(headers), self.owners.earlier_owner(headers)
        if not account or not earlier:
            return
        try:
            await slow.run(scope["app"].state.services.belongings.take_over, earlier, account.owner)
        except (PlaygroundError, OSError) as error:  # the next page that is opened does the rest
            log.warning("what a key owned could not all be moved to its account: %s", error)
