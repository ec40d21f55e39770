"""Defends places, memory and time from what nobody reads, and whoever waits from not being told."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from playground.engine.model_runner import ModelRunner
from playground.service.services import Services
from playground.ui import event_queue, sessions, streams
from playground.ui.event_queue import EventQueue
from playground.ui.page import build_page
from tests.security.visitor import Visitor, as_file
from tests.support.asking import until
from tests.support.page import real_services, served_page

LONG = ("Tell me of the sea.", "base", "", 400, 1.5, 1.0, 0, 1.0, 1)
SHORT = ("Tell me of the sea.", "base", "", 2, 0.0)


class Room:
    """A served page with two addresses that ask it, and an endpoint that lasts until it is let go."""

    def __init__(self, services: Services, page: gr.Blocks, url: str) -> None:
        self.services = services
        self.calls: EventQueue = page._queue
        self.sessions = self.calls.sessions
        self.ann, self.bob = (Visitor(url, {"x-forwarded-for": one}) for one in ("1.1.1.1", "2.2.2.2"))

    @property
    def busy(self) -> tuple[int, int]:
        status = self.services.models.status()
        return status["running"], status["queue"]

    def is_empty(self) -> bool:
        kept = (self.calls._going, self.calls.event_ids_to_events, self.calls.pending_event_ids_session)
        kept += (self.calls.streams, self.calls._num_bytes, self.calls._begun, self.calls._timers, self.calls._readers)
        return not any((*kept, self.calls.active_jobs, self.calls.server_app.iterators, self.sessions.session_data))


@pytest.fixture
def lasting() -> Iterator[threading.Event]:
    """Set when those calls of `/last` that go on may end."""
    event = threading.Event()
    yield event
    event.set()


@contextmanager
def open_room(data_dir: Path, lasting: threading.Event) -> Iterator[Room]:
    async def last() -> str:
        while not lasting.is_set():
            await asyncio.sleep(0.005)
        return "done"

    with real_services(data_dir) as services:
        page = build_page(services)
        with page:
            gr.api(last, api_name="last", concurrency_limit=None)
        with served_page(services, page, trusted_proxies=1) as server:
            yield Room(services, page, server.url)


@pytest.fixture
def room(tmp_path: Path, lasting: threading.Event) -> Iterator[Room]:
    with open_room(tmp_path, lasting) as opened:
        yield opened


def test_a_call_leaves_nothing(room: Room) -> None:
    """Of a hundred calls as little as of one: sessions, events, messages, iterators, figures."""
    for _ in range(100):
        room.ann.result("status")
    room.ann.result("generate", *SHORT)
    kind, told = room.ann.answer("generate", room.ann.call("generate", "", "base"))
    assert (kind, bool(told["error"])) == ("error", True)
    until(room.is_empty)
    assert room.calls.event_analytics == {}
    assert sum(len(queue.queue) for queue in room.calls.event_queue_per_concurrency_id.values()) == 0
    assert room.calls.server_app.iterators_to_reset == set()


def test_what_nobody_reads_does_not_begin(room: Room) -> None:
    unread = [room.ann.call("generate", *LONG) for _ in range(20)]
    room.bob.result("generate", *SHORT)
    assert sum(room.busy) <= 1  # bob's own may be just ending
    assert room.ann.answer("generate", unread[0])[0] == "complete"


def test_what_nobody_reads_is_forgotten(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_queue, "UNREAD_S", 0.05)
    monkeypatch.setattr(event_queue, "WAIT_S", 0.1)
    unread = [room.ann.call("generate", *SHORT), room.ann.call("stop_job", "none")]
    until(room.is_empty)
    assert [room.ann.answer("generate", one)[0] for one in unread] == ["404", "404"]


def test_what_does_something_begins_without_a_reader(room: Room) -> None:
    """Defends a script that starts a run and asks `/jobs` from then on."""
    rows = b"question,answer\n" + b"".join(b"Which is colour %d?,Shade %d.\n" % (one, one) for one in range(30))
    room.ann.call("train", as_file(room.ann.upload("colours.csv", rows)), "Colours", "auto", 1, 2)
    until(lambda: bool(room.ann.result("jobs")), 60)


def test_what_is_read_no_more_ends(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the reader does not say that it has left."""
    monkeypatch.setattr(event_queue, "UNREAD_S", 0.05)
    monkeypatch.setattr(event_queue.EventQueue, "clean_events", lambda *_, **__: asyncio.sleep(0))
    with room.ann.http.stream("GET", f"/gradio_api/call/generate/{room.ann.call('generate', *LONG)}") as answer:
        next(answer.iter_lines())
    until(lambda: room.busy == (0, 0))


def test_who_leaves_frees_its_place(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, also who still waits for the model, even where that stands still; no later time is waited for."""
    monkeypatch.setattr(event_queue, "UNREAD_S", 1000.0)
    step, execute = threading.Event(), ModelRunner.execute

    def execute_once_told(self: ModelRunner, *given: Any) -> Any:
        step.wait(60)
        return execute(self, *given)

    monkeypatch.setattr(ModelRunner, "execute", execute_once_told)
    with ExitStack() as readers:
        for _ in range(6):
            event = room.ann.call("generate", *LONG)
            readers.enter_context(room.ann.http.stream("GET", f"/gradio_api/call/generate/{event}"))
        until(lambda: sum(room.busy) == 6)
        assert room.busy[1] > 0
    until(lambda: room.busy[1] == 0)
    until(room.is_empty)
    step.set()
    until(lambda: room.busy == (0, 0))


def test_events_of_one_address_are_bounded(
    room: Room, lasting: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has to wait is told so in a sentence, with a time; others do not notice."""
    monkeypatch.setattr(event_queue, "MAX_GOING_OF_ONE", 3)
    with ExitStack() as readers:
        for _ in range(3):
            last = room.ann.call("last")
            readers.enter_context(room.ann.http.stream("GET", f"/gradio_api/call/last/{last}"))
        kind, told = room.ann.answer("status", room.ann.call("status"))
        assert kind == "error"
        assert told["error"].startswith("3 requests are going on here already. Try again in about ")
        room.bob.result("status")
        lasting.set()
    until(lambda: not room.calls._begun)
    room.ann.result("status")


def test_what_waits_for_its_reader_is_bounded(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest of the same address gives way, so that who asks and reads is always answered."""
    monkeypatch.setattr(streams, "MAX_UNREAD_OF_ONE", 3)
    bobs = room.bob.call("jobs")
    first, second, *_ = [room.ann.call("jobs") for _ in range(4)]
    assert len(room.calls._going) == 4
    assert [room.ann.answer("jobs", one)[0] for one in (first, second)] == ["404", "complete"]
    monkeypatch.setattr(event_queue, "MAX_SENT_OF_ONE_BYTES", 5000)
    first, second = (room.ann.call("generate", "x" * 4000) for _ in range(2))
    assert room.calls._num_bytes.total() < 10_000
    assert room.ann.answer("generate", first)[0] == "404"
    assert room.bob.answer("jobs", bobs)[0] == "complete"


def test_who_reads_does_not_give_way(room: Room, lasting: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_UNREAD_OF_ONE", 2)
    with ExitStack() as readers:
        for _ in range(2):
            event = room.ann.call("last")
            readers.enter_context(room.ann.http.stream("GET", f"/gradio_api/call/last/{event}"))
        full = room.ann.http.post("/gradio_api/call/jobs", json={"data": []})
        assert (full.status_code, "not fetched yet" in full.text) == (429, True)
        room.bob.result("jobs")
        lasting.set()


def test_an_open_tab_keeps_its_session(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever strangers do; of closed ones, each address keeps some."""
    monkeypatch.setattr(sessions, "MAX_CLOSED_OF_ONE", 3)
    with room.bob.http.stream("GET", "/gradio_api/heartbeat/bobs"):
        until(lambda: bool(room.sessions._tabs))
        room.bob.event("bobs", "look")
        bobs = set(room.sessions.session_data)
        for place in range(6):
            room.ann.event(f"anns-{place}", "look")
        assert len(room.sessions.session_data) == 4
        monkeypatch.setattr(sessions, "KEPT_S", 0.0)
        until(lambda: set(room.sessions.session_data) == bobs)
    until(lambda: not room.sessions.session_data)


def test_whoever_waits_is_told_that_the_app_closes(tmp_path: Path, lasting: threading.Event) -> None:
    told: list[Any] = []
    with open_room(tmp_path, lasting) as room:
        event = room.ann.call("last")
        reader = threading.Thread(target=lambda: told.append(room.ann.answer("last", event)))
        reader.start()
        until(lambda: bool(room.calls._begun))
    reader.join()
    kind, data = told[0]
    assert (kind, data["error"]) == ("error", "The app is closing. Try again when it is back.")
