"""What a browser is told of every answer, so that it defends its visitor itself."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HUB = ("https://huggingface.co", "https://*.hf.space")
"""May show the page in a frame, as Spaces are."""
CACHED = ("/assets/", "/static/", "/theme.css", "/favicon.ico", "/pwa_icon", "/manifest.json")
"""Begin the addresses of what is the same for everybody."""
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    # Else the names in an answer's links would be looked up, and could tell what was said.
    "x-dns-prefetch-control": "off",
}
POLICY = "content-security-policy"


class BrowserDefencesMiddleware:
    """ASGI middleware. The page brings a policy of its own; whatever else is opened as one may load nothing."""

    def __init__(self, app: ASGIApp, framed_by_hub: bool) -> None:
        self.app = app
        self.ancestors = " ".join(["frame-ancestors 'self'", *(HUB if framed_by_hub else ())])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_defended(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers[POLICY] = "; ".join([headers.get(POLICY, "default-src 'none'"), self.ancestors])
                if not scope["path"].startswith(CACHED):
                    headers["cache-control"] = "no-store"
            await send(message)

        await self.app(scope, receive, send_defended)
