"""Asks for the password of a local page that other machines can reach; the browser remembers it."""

import base64
import binascii
import hmac

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from playground.i18n.catalog import gettext, locale_of
from playground.sentence import N_

ASKED = N_("This page asks for its password. Whoever started it knows it; any user name will do.")
CHALLENGE = {"www-authenticate": 'Basic realm="LLM Playground", charset="UTF-8"'}


class PasswordMiddleware:
    """ASGI middleware: HTTP Basic for browsers, with any user name, and a Bearer token for programs."""

    def __init__(self, app: ASGIApp, password: str) -> None:
        self.app = app
        self.password = password.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if not hmac.compare_digest(_given(headers.get("authorization", "")), self.password):
                told = gettext(locale_of(headers), ASKED)
                await PlainTextResponse(told, 401, headers=CHALLENGE)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _given(header: str) -> bytes:
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode()
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""
