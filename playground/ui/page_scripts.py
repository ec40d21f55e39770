"""Puts our scripts first into the page, and says which scripts may run in it: these and Gradio's, no others.

`early.js` must run before Gradio reads language and theme. What Gradio itself puts into the head comes too late for it.
"""

import base64
import re
import secrets
from pathlib import Path
from typing import Any

STATIC = Path(__file__).parent / "static"
_SCRIPTS = (
    "early.js",
    "page.js",
    "chat.js",
    "curve.js",
    "memory.js",
    "waiting.js",
    "keys.js",
    "compare.js",
    "field_errors.js",
)
SCRIPTS = b"".join(b"<script>" + (STATIC / name).read_bytes() + b"</script>" for name in _SCRIPTS)
_TAG = re.compile(rb"<script(?=[\s>])")
POLICY = (
    "default-src 'self'",
    # Gradio makes functions of the code that an event runs in the browser.
    "script-src 'self' 'nonce-{nonce}' 'unsafe-eval'",
    "style-src 'self' 'unsafe-inline'",
    # An answer must not send a visitor's words away by the address of an image.
    "img-src 'self' data: blob:",
    "media-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self' data: blob:",
    "worker-src 'self' blob:",
    "frame-src 'none'",
    "object-src 'none'",
    "form-action 'self'",
    "base-uri 'self'",
)


class PageScriptsMiddleware:
    """ASGI middleware inside Gradio's application: the page leaves with our scripts and its policy."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != "/":
            await self.app(scope, receive, send)
            return
        start: Any = None
        body = b""

        async def send_with_scripts(message: Any) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            nonce = base64.b64encode(secrets.token_bytes(16))
            page = body.replace(b"<head>", b"<head>" + SCRIPTS, 1)
            page = _TAG.sub(b'<script nonce="' + nonce + b'"', page)
            kept = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
            policy = "; ".join(POLICY).format(nonce=nonce.decode()).encode()
            told = [(b"content-length", str(len(page)).encode()), (b"content-security-policy", policy)]
            await send({**start, "headers": [*kept, *told]})
            await send({"type": "http.response.body", "body": page})

        await self.app(scope, receive, send_with_scripts)
