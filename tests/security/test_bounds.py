"""Defends memory, disk and places from who sends without an end, asks for nothing, or asks for what is not there."""

import asyncio
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from playground.data_dir import DataDir
from playground.errors import SettingsError
from playground.server.address import address_of
from playground.server.middleware import body_limits, open_requests
from playground.server.middleware.body_limits import BodyLimitMiddleware
from playground.server.middleware.open_requests import OpenRequestsMiddleware
from playground.service import uploads
from playground.service.owners import HEADER, Owners
from tests.security.visitor import Visitor
from tests.support.running_app import RunningApp

LONGEST = body_limits.MAX_MESSAGE_BYTES


class Body:
    """Runs the middleware over an application that gathers a body, as FastAPI does; `pieces` of None are silence."""

    def __init__(self, proxies: int = 0) -> None:
        nobody: Any = SimpleNamespace()
        self.guarded = BodyLimitMiddleware(self.gather, nobody, nobody, proxies)
        self.gathered: list[int] = []

    async def gather(self, scope: Any, receive: Any, send: Any) -> None:
        size, message = 0, {"more_body": True}
        while message.get("more_body"):
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError("the client left")
            size += len(message["body"])
        self.gathered.append(size)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async def answer(self, pieces: list[int | None], forwarded: str = "", **headers: str) -> tuple[int, str]:
        left, said = list(pieces), []

        async def receive() -> Any:
            piece = left.pop(0)
            if piece is None:
                await asyncio.Future()
            return {"type": "http.request", "body": bytes(piece or 0), "more_body": bool(left)}

        async def send(message: Any) -> None:
            said.append(message)

        given = {"x-forwarded-for": forwarded, **{name.replace("_", "-"): value for name, value in headers.items()}}
        raw = [(name.encode(), value.encode()) for name, value in given.items()]
        scope = {"type": "http", "method": "POST", "path": "/x", "headers": raw, "client": ("10.0.0.1", 5)}
        await self.guarded(scope, receive, send)
        return said[0]["status"], said[1]["body"].decode()


def test_a_message_has_a_length() -> None:
    body = Body()
    assert asyncio.run(body.answer([LONGEST])) == (200, "ok")
    assert asyncio.run(body.answer([LONGEST, 1]))[0] == 413
    status, told = asyncio.run(body.answer([None], content_length=str(LONGEST + 1)))  # nothing of it is read
    assert (status, told) == (413, "That is longer than 8 MB. Send less.")
    assert body.gathered == [LONGEST]
    assert body.guarded.held == Counter()


@pytest.mark.parametrize("bound", ["MAX_MESSAGE_SILENCE_S", "MAX_MESSAGE_S"])
def test_a_message_that_does_not_arrive_is_given_up(monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    monkeypatch.setattr(body_limits, bound, 0.05)
    body = Body()
    status, told = asyncio.run(body.answer([100, None]))
    assert (status, "did not arrive in time" in told) == (408, True)
    assert (body.gathered, body.guarded.held) == ([], Counter())


def test_messages_at_once_are_bounded_for_each_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of one address, who gets no further by writing another into the header, and those of all."""
    monkeypatch.setattr(body_limits, "MAX_OF_ONE_BYTES", 1000)
    monkeypatch.setattr(body_limits, "MAX_OF_ALL_BYTES", 2500)
    monkeypatch.setattr(body_limits, "MAX_MESSAGE_SILENCE_S", 0.5)

    async def together(*froms: str) -> list[int]:
        body = Body(proxies=1)
        answers = await asyncio.gather(*(body.answer([900, None], one) for one in froms))
        assert body.guarded.held == Counter()
        return sorted(status for status, _ in answers)

    assert asyncio.run(together("1.1.1.1", "7.7.7.7, 1.1.1.1", "2.2.2.2")) == [408, 408, 503]
    assert asyncio.run(together("1.1.1.1", "2.2.2.2", "3.3.3.3")) == [408, 408, 503]


@pytest.mark.parametrize(
    ("forwarded", "proxies", "found"),
    [
        (["1.1.1.1"], 0, "10.0.0.1"),
        ([], 1, "10.0.0.1"),
        (["9.9.9.9, 1.1.1.1"], 1, "1.1.1.1"),
        (["9.9.9.9", "1.1.1.1"], 1, "1.1.1.1"),
        (["9.9.9.9, 1.1.1.1, 10.0.0.7"], 2, "1.1.1.1"),
        (["1.1.1.1"], 2, "10.0.0.1"),
        (["2001:db8:1:2:3:4:5:6"], 1, "2001:db8:1:2::/64"),
        (["[2001:db8:1:2::9]"], 1, "2001:db8:1:2::/64"),
        (["::ffff:1.1.1.1"], 1, "1.1.1.1"),
        (["unknown"], 1, "unknown"),
    ],
)
def test_an_address_is_what_a_trusted_proxy_adds(forwarded: list[str], proxies: int, found: str) -> None:
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    assert address_of({"type": "http", "headers": headers, "client": ("10.0.0.1", 5)}, proxies) == found


def test_requests_at_once_are_bounded_for_each_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_requests, "MAX_OPEN", 2)

    async def ask() -> None:
        ending = asyncio.Event()

        async def stream(scope: Any, receive: Any, send: Any) -> None:
            await ending.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        guarded, said = OpenRequestsMiddleware(stream, 1), []

        async def send(message: Any) -> None:
            said.append(message.get("status"))

        async def one(address: str) -> None:
            scope = {"type": "http", "headers": [(b"x-forwarded-for", address.encode())], "client": None}
            await guarded(scope, send, send)

        open_ones = [asyncio.create_task(one(address)) for address in ("1.1.1.1", "1.1.1.1", "2.2.2.2")]
        await asyncio.sleep(0)
        await one("1.1.1.1")
        assert said[0] == 429
        ending.set()
        await asyncio.gather(*open_ones)
        await one("1.1.1.1")
        assert (said[-1], guarded.open) == (200, Counter())

    asyncio.run(ask())


def test_uploads_at_once_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_AT_ONCE", 2)
    monkeypatch.setattr(uploads, "MAX_AT_ONCE_OF_ADDRESS", 3)
    quota: Any = SimpleNamespace(max_bytes_a_day=lambda: 10**9, check_disk=lambda: None)

    async def send() -> None:
        arriving = uploads.Uploads(DataDir(tmp_path), quota)
        first = await arriving.begin("ann", "1.1.1.1")
        await arriving.begin("ann", "1.1.1.1")
        with pytest.raises(uploads.InputError, match="on their way already"):
            await arriving.begin("ann", "2.2.2.2")
        await arriving.begin("bob", "1.1.1.1")
        with pytest.raises(uploads.InputError, match="on their way already"):
            await arriving.begin("eve", "1.1.1.1")
        await arriving.end(first)
        await arriving.begin("eve", "1.1.1.1")

    asyncio.run(send())


def test_uploads_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny ones cost more than their bytes; those of one address are one visitor's, with however many keys."""
    monkeypatch.setattr(uploads, "MAX_UPLOADS_A_DAY", 3)
    monkeypatch.setattr(uploads, "MAX_UPLOADS", 5)
    monkeypatch.setattr(uploads, "MAX_ADDRESS_BYTES", 1000)
    quota: Any = SimpleNamespace(max_bytes_a_day=lambda: 10**9, check_disk=lambda: None)

    async def send() -> None:
        arriving = uploads.Uploads(DataDir(tmp_path), quota)

        async def one(owner: str, address: str, size: int) -> None:
            upload = await arriving.begin(owner, address)
            try:
                arriving.grow(upload, size)
            finally:
                await arriving.end(upload)

        await one("ann", "1.1.1.1", 600)
        with pytest.raises(uploads.InputError, match="no room"):
            await one("bob", "1.1.1.1", 600)
        for _ in range(2):
            await one("ann", "1.1.1.1", 100)
        with pytest.raises(uploads.InputError, match="3 files within a day"):
            await one("ann", "1.1.1.1", 1)
        await one("eve", "2.2.2.2", 1)
        with pytest.raises(uploads.InputError, match="no room"):
            await one("eve", "2.2.2.2", 1)

    asyncio.run(send())


def test_a_form_has_few_files(ann: Visitor, public_app: RunningApp) -> None:
    there = set((public_app.data_dir / "uploads").rglob("*.csv"))
    files = [("files", (f"{one}.csv", b"a,b\n1,2\n")) for one in range(21)]
    refused = ann.http.post("/gradio_api/upload", files=files)
    assert (refused.status_code, refused.text) == (400, "Send at most 20 files at once.")
    assert set((public_app.data_dir / "uploads").rglob("*.csv")) == there
    assert len(ann.http.post("/gradio_api/upload", files=files[:20]).json()) == 20


@pytest.mark.parametrize("size", [0, 1, 31])
def test_a_signing_key_that_a_full_disk_left_is_not_taken(tmp_path: Path, size: int) -> None:
    """Else anybody could sign a key: with nothing, or with what is quickly guessed."""
    data = DataDir(tmp_path)
    data.signing_key.write_bytes(bytes(size))
    with pytest.raises(SettingsError, match="damaged"):
        Owners(data, "public")
    data.signing_key.unlink()
    owners = Owners(data, "public")
    assert owners.identify({HEADER: owners.issue()})
