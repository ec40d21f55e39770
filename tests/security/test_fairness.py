"""One who floods the server, under however many names, takes nobody else's turn."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from playground.service.owners import ADDRESS_HEADER, HEADER, KEY_BURST
from tests.security.visitor import Visitor
from tests.support.asking import until
from tests.support.running_app import RunningApp, running_app

LONG = "Count without an end: one two three four five six", "base", "", 480, 1.5, 1.0, 0, 1.0
PLACES, FLOOD = 16, 40


def from_address(app: RunningApp, address: str, key: str = "", **headers: str) -> Visitor:
    """As the trusted proxy hands on what a visitor sends."""
    return Visitor(app.url, {"x-forwarded-for": address, **({HEADER: key} if key else {}), **headers})


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    folder = tmp_path_factory.mktemp("fair")
    with running_app(folder, PLAYGROUND_MODE="public", PLAYGROUND_TRUSTED_PROXIES="1") as running:
        yield running


@pytest.mark.parametrize("with_keys", [False, True], ids=["strangers", "a key each"])
def test_a_flood_leaves_others_their_turn(app: RunningApp, with_keys: bool) -> None:
    """Another address is answered while the flood has not had its places' worth of answers."""
    flooder = from_address(app, "1.1.1.1")
    keys = [flooder.result("new_key") if with_keys else "" for _ in range(FLOOD)]
    senders = [from_address(app, "1.1.1.1", key) for key in keys]
    modest = from_address(app, "2.2.2.2")
    with ThreadPoolExecutor(FLOOD) as readers:
        events = [sender.call("generate", *LONG) for sender in senders]  # which begin once they are read
        told = zip(senders, events, strict=True)
        answers = [readers.submit(sender.answer, "generate", event) for sender, event in told]
        until(lambda: load(modest) > PLACES + 4)
        assert modest.result("generate", "Hello", "base", "", 4)
        assert load(modest) > PLACES  # some of the flood have not even begun
        for sender in senders:
            sender.http.close()
        assert all(answer.exception(60) or answer.result() for answer in answers)


def load(visitor: Visitor) -> int:
    """How many questions run or wait."""
    status = visitor.result("status")
    return int(status["running"] + status["queue"])


def test_an_address_cannot_be_made_up(app: RunningApp) -> None:
    """Keys are counted by what the trusted proxy adds, not by what a visitor writes."""
    for number in range(KEY_BURST):
        told = from_address(app, f"9.9.9.{number}, 3.3.3.3", **{ADDRESS_HEADER: f"8.8.8.{number}"})
        assert told.result("new_key")
    last = from_address(app, "9.9.9.99, 3.3.3.3", **{ADDRESS_HEADER: "8.8.8.99"})
    kind, _ = last.answer("new_key", last.call("new_key"))
    assert kind == "error"
    opened = last.http.get("/")
    assert (opened.status_code, "set-cookie" in opened.headers) == (429, False)
    assert "Try again in" in opened.text
    assert from_address(app, "4.4.4.4").result("new_key")
