"""Closes every address that `route_table` does not name."""

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from playground.server.route_table import is_open


class OpenRoutesMiddleware:
    """ASGI middleware: what nobody may call is not found, and nothing speaks over a web socket."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http" and not is_open(scope["method"], scope["path"]):
            await Response(status_code=404)(scope, receive, send)
        else:
            await self.app(scope, receive, send)
