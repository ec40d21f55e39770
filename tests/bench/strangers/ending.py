"""How long the app takes from SIGTERM to its end, whatever it does: `python -m tests.bench.strangers.ending`."""

import argparse
import signal
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.security.visitor import Visitor, as_file
from tests.support.running_app import RunningApp, running_app

ROWS = b"question,answer\n" + b"".join(b"Which is colour %d?,It is shade %d.\n" % (one, one) for one in range(400))
Open = Callable[[AbstractContextManager[Any]], Any]


def nothing(_: RunningApp, __: Visitor, ___: Open) -> None:
    """Just started."""


def pages(_: RunningApp, visitor: Visitor, keep: Open) -> None:
    """Fifty open pages."""
    for place in range(50):
        keep(visitor.http.stream("GET", f"/gradio_api/heartbeat/page-{place}"))


def half_a_request(app: RunningApp, _: Visitor, keep: Open) -> None:
    """Half of a request has come."""
    host, port = app.url.removeprefix("http://").split(":")
    connection = keep(socket.create_connection((host, int(port))))
    connection.sendall(b"POST /gradio_api/call/generate HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")


def answers(_: RunningApp, visitor: Visitor, keep: Open) -> None:
    """Forty long answers, of which 24 wait."""
    for _place in range(40):
        event = visitor.call("generate", "Tell me a long story of the sea.", "base", "", 700, 1.5, 1.0, 0, 1.0)
        keep(visitor.http.stream("GET", f"/gradio_api/call/generate/{event}"))
    until(lambda: visitor.result("status")["running"] > 0)


def a_training(_: RunningApp, visitor: Visitor, keep: Open) -> None:
    """A training run, and answers beside it."""
    visitor.call("train", as_file(visitor.upload("colours.csv", ROWS)), "Colours", "auto", 50)
    until(lambda: (visitor.result("jobs") or [{}])[0].get("step", 0) >= 2)
    answers(_, visitor, keep)


def an_upload_that_is_read(_: RunningApp, visitor: Visitor, keep: Open) -> None:
    """A file of 20 MB is inspected."""
    rows = b"question,answer\n" + b"Which one of them is it?,It is this one here.\n" * 400_000
    event = visitor.call("inspect_dataset", as_file(visitor.upload("many.csv", rows)))
    keep(visitor.http.stream("GET", f"/gradio_api/call/inspect_dataset/{event}"))
    time.sleep(1)  # by then it is being read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--app", help="what starts the app, in the place of app.py", default="app.py")
    parser.add_argument("--only", help="one of these functions' names", default="")
    given = parser.parse_args()
    print("| what it does | from SIGTERM to gone | the runs, once it is started again |\n|---|---|---|")
    for state in (nothing, pages, half_a_request, answers, a_training, an_upload_that_is_read):
        if given.only not in ("", state.__name__):
            continue
        with TemporaryDirectory() as folder:
            took, runs = end(Path(folder), given.app, given.model, state)
            print(f"| {state.__doc__} | {took:.1f} s | {runs} |", flush=True)


def end(data: Path, command: str, model: str, state: Callable[[RunningApp, Visitor, Open], None]) -> tuple[float, str]:
    environment = {"PLAYGROUND_MODEL": model, "PLAYGROUND_MODE": "public"}
    with ExitStack() as kept, running_app(data, [command], **environment) as app:
        visitor = Visitor.with_key(app.url)
        visitor.http.timeout = 300.0
        state(app, visitor, lambda one: kept.enter_context(one))
        began = time.perf_counter()
        app.process.send_signal(signal.SIGTERM)
        app.process.wait(300)
        took = time.perf_counter() - began
    if state is not a_training:
        return took, ""
    with running_app(data, [command], **environment) as app:
        found = Visitor(app.url, dict(visitor.http.headers)).result("jobs")
        return took, "; ".join(f"{one['state']} at step {one['step']}, can go on: {one['can_resume']}" for one in found)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.2)


if __name__ == "__main__":
    main()
