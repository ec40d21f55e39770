"""Who a visitor is: one operator in local mode; in public mode, the holder of a key that this server issued.

Browsers hold the key in an HttpOnly cookie, programs send it in a header. The owner's name is a hash of the key, so
that nothing stored tells the key. A key that was not issued here counts as none.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any

from playground.data_dir import OPERATOR, DataDir
from playground.settings import Mode

COOKIE = "playground_key"
HEADER = "x-playground-key"
_YEAR_S = 365 * 24 * 3600


class Owners:
    """Issues keys and turns them into owners. The signing secret is kept in the data folder, across restarts."""

    def __init__(self, data: DataDir, mode: Mode) -> None:
        self.mode = mode
        self._secret = _read_or_make_secret(data.signing_key)

    def issue(self) -> str:
        nonce = secrets.token_hex(16)
        return f"{nonce}.{self._sign(nonce)}"

    def owner(self, headers: Mapping[str, str]) -> str:
        """The owner behind a request's headers; "" for a stranger without a key."""
        if self.mode == "local":
            return OPERATOR
        key = self._valid(headers.get(HEADER)) or self._valid(_cookie(headers.get("cookie")))
        return hashlib.sha256(key.encode()).hexdigest()[:32] if key else ""

    def has_key(self, headers: Mapping[str, str]) -> bool:
        return self.mode == "local" or bool(self._valid(_cookie(headers.get("cookie"))))

    def _valid(self, key: str | None) -> str | None:
        nonce, _, signature = (key or "").partition(".")
        if not nonce.isascii() or not signature.isascii():
            return None
        return key if hmac.compare_digest(signature, self._sign(nonce)) else None

    def _sign(self, nonce: str) -> str:
        return hmac.new(self._secret, nonce.encode(), hashlib.sha256).hexdigest()[:32]


class OwnerCookieMiddleware:
    """ASGI middleware: a browser that opens the page without a key gets one."""

    def __init__(self, app: Any, owners: Owners) -> None:
        self.app = app
        self.owners = owners

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope.get("headers", ())}
        if scope["type"] != "http" or scope["path"] != "/" or self.owners.has_key(headers):
            await self.app(scope, receive, send)
            return
        # Inside the frame of a Space the cookie is a third party's, which browsers allow only like this.
        https = "https" in (scope.get("scheme"), headers.get("x-forwarded-proto", "").split(",")[0])
        attributes = "SameSite=None; Secure; Partitioned" if https else "SameSite=Lax"
        cookie = f"{COOKIE}={self.owners.issue()}; Path=/; Max-Age={_YEAR_S}; HttpOnly; {attributes}"

        async def send_with_key(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"set-cookie", cookie.encode("latin-1"))]}
            await send(message)

        await self.app(scope, receive, send_with_key)


def _cookie(header: str | None) -> str | None:
    try:
        morsel = SimpleCookie(header or "").get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel else None


def _read_or_make_secret(path: Path) -> bytes:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
    except FileExistsError:
        pass
    return path.read_bytes()
