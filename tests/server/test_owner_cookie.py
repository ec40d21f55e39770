"""Defends that a browser is known again, by a key that no script on the page can read."""

import asyncio
from pathlib import Path
from typing import Any

from playground.data_dir import DataDir
from playground.server.middleware.owner_cookie import OwnerCookieMiddleware
from playground.service.owners import Owners


def test_a_browser_without_a_key_gets_one_it_cannot_read(tmp_path: Path) -> None:
    owners = Owners(DataDir(tmp_path), "public")

    async def page(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def cookies(headers: list[tuple[bytes, bytes]]) -> list[bytes]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            raise AssertionError("nothing of the body is read")

        scope = {"type": "http", "path": "/", "scheme": "http", "headers": headers}
        asyncio.run(OwnerCookieMiddleware(page, owners)(scope, receive, send))
        return [value for name, value in sent[0]["headers"] if name == b"set-cookie"]

    (cookie,) = cookies([])
    assert b"HttpOnly" in cookie
    kept = cookie.split(b";")[0]
    assert cookies([(b"cookie", kept)]) == []
    (secure,) = cookies([(b"x-forwarded-proto", b"https")])
    assert b"Secure" in secure
