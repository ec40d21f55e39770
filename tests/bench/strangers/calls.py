"""What calls and visitors cost the app, and what they leave behind: `python -m tests.bench.strangers.calls`.

Prints, for each round of plain calls and for visitors who open the page, use it and leave: the time that the app's
processor worked for one of them, and by how much the app's memory grew for it. At last, how long the app takes to end.
"""

import argparse
import asyncio
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil

from tests.support.running_app import RunningApp, running_app

AT_ONCE = 8
IDLE_S = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--visitors", type=int, default=200)
    parser.add_argument("--app", help="what starts the app, in the place of app.py", default="app.py")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        with running_app(data, [given.app], PLAYGROUND_MODEL=given.model, PLAYGROUND_MODE="public") as app:
            asyncio.run(measure(app, given.calls, given.rounds, given.visitors))
            app.process.send_signal(signal.SIGTERM)
            began = time.perf_counter()
            app.process.wait(300)
            print(f"\nFrom SIGTERM to gone: {time.perf_counter() - began:.1f} s")


async def measure(app: RunningApp, calls: int, rounds: int, visitors: int) -> None:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=AT_ONCE)
    async with httpx.AsyncClient(base_url=app.url, limits=limits, timeout=120) as client:
        await spread(200, AT_ONCE, lambda _: call(client, "status"))
        seen = Meter(app.process.pid)
        await asyncio.sleep(IDLE_S)
        print(f"Idle, the app takes {seen.worked_s() / IDLE_S:.1%} of a core.\n")
        print(
            "| what | how many | ms of the processor | ms on the clock | KB kept | memory |\n|---|---|---|---|---|---|"
        )
        for _ in range(rounds):
            seen = Meter(app.process.pid)
            await spread(calls // rounds, AT_ONCE, lambda _: call(client, "status"))
            print(seen.row("a plain call", calls // rounds), flush=True)
        config = (await client.get("/config")).json()
        loads = [one for one in config["dependencies"] if any(event == "load" for _, event in one["targets"])]
        for place in range(rounds):
            seen, refused = Meter(app.process.pid), Counter[int]()
            await spread(visitors, visitors, partial(visit, app.url, loads, place, refused))
            print(seen.row("a visitor who opens the page, and leaves", visitors), dict(refused) or "", flush=True)


class Meter:
    """What a process has worked, and what it holds, since this was made."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._at = time.perf_counter()
        self._cpu, self._bytes = self._now()

    def worked_s(self) -> float:
        return self._now()[0] - self._cpu

    def row(self, what: str, times: int) -> str:
        clock = time.perf_counter() - self._at
        cpu, held = self._now()
        return (
            f"| {what} | {times} | {1000 * (cpu - self._cpu) / times:.2f} | {1000 * clock / times:.2f} "
            f"| {(held - self._bytes) / 1024 / times:.1f} | {held / 2**20:.0f} MB |"
        )

    def _now(self) -> tuple[float, int]:
        used = self._process.cpu_times()
        return used.user + used.system, self._process.memory_info().rss


async def spread(times: int, at_once: int, do: Callable[[int], Awaitable[None]]) -> None:
    free = asyncio.Semaphore(at_once)

    async def one(place: int) -> None:
        async with free:
            await do(place)

    await asyncio.gather(*(one(place) for place in range(times)))


async def call(client: httpx.AsyncClient, endpoint: str, *values: object) -> None:
    """One call of the API, its answer read to the end."""
    begun = await client.post(f"/gradio_api/call/{endpoint}", json={"data": values})
    begun.raise_for_status()
    told = await client.get(f"/gradio_api/call/{endpoint}/{begun.json()['event_id']}")
    assert "event: complete" in told.text, told.text


async def visit(url: str, loads: list[dict[str, Any]], place: int, refused: Counter[int], visitor: int) -> None:
    """Opens the page as a browser does: the page, a heartbeat, the events that load it, and their stream."""
    session, joined = f"visit-{place}-{visitor}", False
    async with httpx.AsyncClient(base_url=url, verify=False, timeout=120) as client:  # noqa: S501  # plain http
        (await client.get("/")).raise_for_status()
        async with client.stream("GET", f"/gradio_api/heartbeat/{session}"):
            for load in loads:
                body = {"data": [None] * len(load["inputs"]), "fn_index": load["id"], "session_hash": session}
                answer = await client.post("/gradio_api/queue/join", json=body)
                if answer.status_code == 200:
                    joined = True
                else:
                    refused[answer.status_code] += 1
            if not joined:
                return
            async with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
                async for line in stream.aiter_lines():
                    if "close_stream" in line:
                        break


if __name__ == "__main__":
    main()
