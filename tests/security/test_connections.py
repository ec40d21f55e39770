"""Defends places and the log from who opens what is not read, asks for nothing, or asks for what is not there."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from playground.server import connections
from playground.server.middleware import body_limits
from playground.ui import streams
from tests.security.visitor import Visitor, as_file
from tests.support.asking import until
from tests.support.page import real_services, served_page
from tests.support.running_app import RunningApp

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


def test_who_takes_nothing_of_an_answer_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "UNREAD_S", 0.3)
    with real_services(tmp_path) as services, served_page(services) as server:
        with closing(socket.socket()) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", int(server.url.rstrip("/").rpartition(":")[2])))
            connection.sendall(b"GET /config HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)  # more than the system takes
            until(lambda: server.config.http.open.total() == 1)
            until(lambda: server.config.http.open.total() == 0)
        assert httpx.get(server.url).status_code == 200


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


def test_a_page_reads_one_stream_after_another(ann: Visitor) -> None:
    """Defends its later events: it opens a stream where all is read already, and takes a 404 for good."""
    assert ann.event("stream-after-stream", "look")["success"]
    with ann.http.stream("GET", "/gradio_api/queue/data", params={"session_hash": "stream-after-stream"}) as second:
        assert second.status_code == 200
        assert ann.event("stream-after-stream-2", "look")["success"]


def test_who_reads_is_not_pushed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """By however many others; whoever has read all goes first."""
    monkeypatch.setattr(streams, "MAX_STREAMS", 3)
    queue: Any = SimpleNamespace(pending_event_ids_session={"reading": {"1"}}, event_ids_to_events={})
    kept = streams.Streams(queue)
    for session in ("reading", "a", "b", "c", "d"):
        kept[session] = None
    assert set(kept) == {"reading", "c", "d"}


def test_what_was_not_read_is_not_let_go_of() -> None:
    """Defends whoever asks for an answer again after the connection broke."""
    events = {name: SimpleNamespace(alive=alive) for name, alive in (("left", False), ("going", True))}
    queue: Any = SimpleNamespace(pending_event_ids_session={}, event_ids_to_events=events)
    kept = streams.Streams(queue)
    for session, waiting in (("page", {"ended"}), ("read", set()), ("gone", {"left"}), ("other", {"going"})):
        kept[session] = None
        queue.pending_event_ids_session[session] = waiting
        kept.end(session)
    assert set(kept) == set(queue.pending_event_ids_session) == {"page", "other"}


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
