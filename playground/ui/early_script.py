"""Puts `static/early.js` first into the page, where the scripts that Gradio adds would come too late."""

from pathlib import Path
from typing import Any

SCRIPT = (Path(__file__).parent / "static" / "early.js").read_bytes()


class EarlyScriptMiddleware:
    """ASGI middleware that puts the script first into the page's head."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != "/":
            await self.app(scope, receive, send)
            return
        start: Any = None
        body = b""

        async def send_with_script(message: Any) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            page = body.replace(b"<head>", b"<head><script>" + SCRIPT + b"</script>", 1)
            kept = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
            length = (b"content-length", str(len(page)).encode())
            await send({**start, "headers": [*kept, length]})
            await send({"type": "http.response.body", "body": page})

        await self.app(scope, receive, send_with_script)
