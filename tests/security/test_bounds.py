"""Defends memory, disk and places from who sends without an end, asks for nothing, or asks for what is not there."""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from playground.data_dir import DataDir
from playground.errors import SettingsError
from playground.server import connections
from playground.server.address import address_of
from playground.server.middleware import body_limits, open_requests
from playground.server.middleware.body_limits import BodyLimitMiddleware
from playground.server.middleware.open_requests import OpenRequestsMiddleware
from playground.service import uploads
from playground.service.owners import HEADER, Owners
from tests.support.asking import until
from tests.support.page import real_services, served_page
from tests.support.running_app import RunningApp
from tests.support.visitor import Visitor, as_file

JSON = "Content-Type: application/json\r\n"
LONGEST = body_limits.MAX_MESSAGE_BYTES


def connect(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}model/state").status_code == 200
    except httpx.TransportError:
        return False


def rest(connection: socket.socket) -> bytes:
    """All that still comes until the server closes."""
    found = b""
    while piece := connection.recv(65536):
        found += piece
    return found


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    with real_services(tmp_path) as services, served_page(services) as server:
        yield server.url


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


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Half: ",
        b"POST /gradio_api/call/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{",
        b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{",
        b"GET /model/state HTTP/1.1\r\nHost: localhost\r\n\r\nGET /x",
    ],
    ids=["nothing", "half a head", "half a body", "half a body of what is closed", "half a second request"],
)
def test_a_connection_that_asks_for_nothing_is_closed(
    served: str, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.3)
    monkeypatch.setattr(body_limits, "MAX_MESSAGE_SILENCE_S", 0.3)
    with closing(connect(served)) as connection:
        connection.sendall(sent)
        rest(connection)
    assert httpx.get(served).status_code == 200


def test_a_stream_stays_open(served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Defends a page that waits for an answer from what closes idle connections."""
    monkeypatch.setattr(connections, "HEAD_S", 0.1)
    with closing(connect(served)) as connection, closing(connect(served)) as idle:
        connection.sendall(b"GET /gradio_api/heartbeat/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"ALIVE" in connection.recv(65536) + connection.recv(65536)
        assert rest(idle) == b""  # that one is long over its time
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)


@pytest.mark.parametrize("proxies", [0, 1])
def test_connections_of_one_address_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxies: int) -> None:
    """Those of a proxy are everybody's."""
    monkeypatch.setattr(connections, "MAX_OF_ONE", 3)
    with real_services(tmp_path) as services, served_page(services, trusted_proxies=proxies) as server:
        open_ones = [connect(server.url) for _ in range(4)]
        last = open_ones[-1]
        ask = b"GET /model/state HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        if proxies:
            last.sendall(ask)
            assert b"200 OK" in rest(last)
        else:
            with pytest.raises(ConnectionError):
                last.sendall(ask)
                raise ConnectionError if rest(last) == b"" else AssertionError
        open_ones[0].close()
        until(lambda: answers(server.url))
        for one in open_ones:
            one.close()


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


def test_what_is_not_there_is_a_sentence_and_no_line_in_the_log(public_app: RunningApp, ann: Visitor) -> None:
    """Defends the disk: each of these wrote a traceback of some kilobytes."""
    before = public_app.log.read_text()
    api = "/gradio_api"
    for answer in (
        ann.http.post(f"{api}/call/nope", json={"data": []}),
        ann.http.post(f"{api}/call/v2/nope", json={}),
        ann.http.post(f"{api}/call/rename", json={"data": []}),
        ann.http.get(f"{api}/call/generate/nothing"),
        ann.http.get(f"{api}/call/v2/generate/nothing"),
        ann.http.get(f"{api}/queue/data?session_hash=nothing"),
        ann.http.get(f"{api}/queue/data"),
        ann.http.post(f"{api}/queue/join", json={"data": [], "fn_index": 99999, "session_hash": "x"}),
    ):
        assert answer.status_code in (404, 422)
        assert answer.json()["detail"]
    for name, values in (("rename", []), ("received", [5, 6, 7]), ("received", [as_file("/etc/hostname")])):
        told = ann.event(f"wrong-{name}-{len(values)}", name, *values)
        assert told["output"]["error"] == "What was sent does not fit this page. Load it anew and try again."
        assert "0x" not in json.dumps(told)
    for raw in (
        b"\x16\x03\x01",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ):
        with closing(connect(public_app.url)) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            rest(connection)
    assert httpx.post(f"{public_app.url}{api}/call/jobs", content=bytes(LONGEST + 1)).status_code == 413
    until(lambda: public_app.log.read_text() == before)


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
