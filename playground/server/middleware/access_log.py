"""Who asked for what, a line of JSON each: for an operator who wants it, and without what visitors wrote."""

import json
import sys
import time
from typing import TextIO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.server.address import address_of
from playground.server.route_table import route_of


class AccessLogMiddleware:
    """ASGI middleware. Addresses are told as routes, so that no file, event or question stands in a line."""

    def __init__(self, app: ASGIApp, trusted_proxies: int, out: TextIO | None = None) -> None:
        self.app = app
        self.trusted_proxies = trusted_proxies
        self.out = out or sys.stdout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.monotonic(), 0

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_noted)
        finally:
            line = {
                "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "address": address_of(scope, self.trusted_proxies),
                "method": scope["method"],
                "route": route_of(scope["method"], scope["path"]),
                "status": status,
                "ms": round(1000 * (time.monotonic() - began)),
            }
            print(json.dumps(line), file=self.out, flush=True)
