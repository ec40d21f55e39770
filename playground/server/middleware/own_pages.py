"""Keeps the pages of others from acting for a visitor, whose browser would send the visitor's key along."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.i18n.catalog import gettext, locale_of
from playground.sentence import N_

FOREIGN = N_("Another site's page asked for this. Only a page of this server may.")
UNKNOWN_NAME = N_(
    "This server does not answer by the name {host}. Use localhost, or add the name to PLAYGROUND_HOSTS and start anew."
)


class OwnPagesMiddleware:
    """ASGI middleware: what may change something is refused where another site's page asks for it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD") and is_foreign(Headers(scope=scope)):
            told = gettext(locale_of(Headers(scope=scope)), FOREIGN)
            await PlainTextResponse(told, 403)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class KnownHostsMiddleware:
    """ASGI middleware: who asks for this server by a name that it does not have is told so.

    Such a name can be anybody's, made to lead here by DNS: its pages would count as this server's own.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = False

        async def go_on(scope: Scope, receive: Receive, send: Send) -> None:
            nonlocal known
            known = True
            await self.app(scope, receive, send)

        async def send_of_known(message: Message) -> None:
            if known:
                await send(message)

        await TrustedHostMiddleware(go_on, self.hosts, www_redirect=False)(scope, receive, send_of_known)
        if not known:
            headers = Headers(scope=scope)
            told = gettext(locale_of(headers), UNKNOWN_NAME, host=headers.get("host", "")[:100])
            await PlainTextResponse(told, 400)(scope, receive, send)


class OwnConfigMiddleware:
    """ASGI middleware: the page's configuration, which programs read, does not repeat the names that a request claims.

    They know where they have asked; a cache between them and this server would give the claim of one to all.
    """

    CLAIMS = (b"host", b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-prefix")

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/config":
            name, port = scope["server"]
            told = [header for header in scope["headers"] if header[0] not in self.CLAIMS]
            scope = {**scope, "headers": [*told, (b"host", f"{name}:{port}".encode())]}
        await self.app(scope, receive, send)


def is_foreign(headers: Headers) -> bool:
    """Whether a browser sends this for a page that is not this server's own; programs send neither header."""
    site = headers.get("sec-fetch-site")
    if site is not None:  # told by every browser over https, where a proxy may have changed the host
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        asking = urlsplit(origin).netloc.lower()
    except ValueError:
        return True
    return not asking or asking not in (headers.get("host", "").lower(), headers.get("x-forwarded-host", "").lower())
