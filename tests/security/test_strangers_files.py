"""Defends everybody from one visitor's file: reading it is bounded, shared fairly, and ends with whoever asked."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from playground.service.owners import HEADER
from tests.security.costly_files import endless, many_columns, many_strings
from tests.security.visitor import Visitor, as_file
from tests.support.running_app import RunningApp, running_app

PATIENCE_S = 60.0
MIB = 2**20
SMALL = b"question,answer\n" + b"".join(b"What is %d?,It is %d.\n" % (n, n) for n in range(20))


@pytest.fixture(scope="module")
def hog() -> bytes:
    return endless()


def readers(app: RunningApp) -> list[psutil.Process]:
    """The processes that read files just now: children of the one whose copies they are."""
    own = psutil.Process(app.process.pid).children()
    return [child for one in own for child in _children(one) if "forkserver" in " ".join(_command(one))]


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children())
    except psutil.Error:
        return []


def until(found: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)


def inspect(visitor: Visitor, name: str, content: bytes) -> tuple[str, Any]:
    return visitor.answer("inspect_dataset", visitor.call("inspect_dataset", as_file(visitor.upload(name, content))))


@contextmanager
def inspecting(visitor: Visitor, name: str, content: bytes) -> Iterator[None]:
    """Ask, and leave at the end without having waited for the answer."""
    event = visitor.call("inspect_dataset", as_file(visitor.upload(name, content)))
    with visitor.http.stream("GET", f"/gradio_api/call/inspect_dataset/{event}"):
        yield


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("wide.csv", lambda: many_columns(1_000_000), "more than 256 columns"),
        ("lines.txt", lambda: b"a" + b"\n" * 40_000_000 + b"b", '"rows": 2'),
        ("strings.xlsx", lambda: many_strings(4_000_000), "unfolds to too much"),
        ("deep.json", lambda: b"[" * 5_000_000, ""),
        ("asks.jsonl", lambda: (json.dumps({"text": "[INST]" * 160_000}) + "\n").encode() * 20, '"rows": 20'),
    ],
)
def test_a_costly_file_costs_the_app_nothing(
    public_app: RunningApp, ann: Visitor, bob: Visitor, name: str, content: Callable[[], bytes], told: str
) -> None:
    before = psutil.Process(public_app.process.pid).memory_info().rss
    with ThreadPoolExecutor() as beside:
        asked = beside.submit(inspect, ann, name, content())
        assert inspect(bob, "small.csv", SMALL)[0] == "complete"
        kind, answer = asked.result(PATIENCE_S)
    assert kind in ("complete", "error")
    assert told in json.dumps(answer)
    grown = psutil.Process(public_app.process.pid).memory_info().rss - before
    assert grown < 500 * MIB, f"{grown / MIB:.0f} MiB"


def test_who_leaves_ends_the_reading(public_app: RunningApp, ann: Visitor, hog: bytes) -> None:
    with inspecting(ann, "hog.xlsx", hog):
        until(lambda: readers(public_app))
        (reader,) = readers(public_app)
    until(lambda: not reader.is_running())
    assert inspect(ann, "small.csv", SMALL)[0] == "complete"


def test_two_files_at_once_and_one_of_each_address(tmp_path: Path, hog: bytes) -> None:
    """Who sends many, by however many keys, waits for their own and takes one place."""
    with running_app(tmp_path, PLAYGROUND_MODE="public", PLAYGROUND_TRUSTED_PROXIES="1") as app:
        busy, same, other, ann = (one_at(app, f"10.0.0.{place}") for place in (1, 1, 2, 3))
        with ThreadPoolExecutor() as beside, inspecting(busy, "a.xlsx", hog):
            until(lambda: len(readers(app)) == 1)
            with inspecting(busy, "b.xlsx", hog), inspecting(same, "c.xlsx", hog):
                assert inspect(ann, "small.csv", SMALL)[0] == "complete"
                assert len(readers(app)) == 1
            with inspecting(other, "d.xlsx", hog):
                until(lambda: len(readers(app)) == 2)
                third = beside.submit(inspect, ann, "small.csv", SMALL)
                assert ann.result("status")["model"]  # all else is answered meanwhile
                assert len(readers(app)) == 2
                assert not third.done()
            assert third.result(PATIENCE_S)[0] == "complete"  # who left has made room
        until(lambda: not readers(app))


def one_at(app: RunningApp, address: str) -> Visitor:
    visitor = Visitor(app.url, {"x-forwarded-for": address})
    visitor.http.headers[HEADER] = visitor.result("new_key")
    return visitor


def test_the_app_ends_while_a_file_is_read(tmp_path: Path, hog: bytes) -> None:
    """And leaves no process: nothing of it waits for the file."""
    with running_app(tmp_path, PLAYGROUND_MODE="public") as app:
        with inspecting(Visitor.with_key(app.url), "hog.xlsx", hog):
            until(lambda: readers(app))
            family = psutil.Process(app.process.pid).children(recursive=True)
            app.process.send_signal(signal.SIGTERM)
            assert app.process.wait(30) == 0
        _, alive = psutil.wait_procs(family, timeout=20)
        assert alive == [], [process.cmdline() for process in alive]
