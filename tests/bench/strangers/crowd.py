"""Two hundred who use the page in the soak, and count what they get."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

import httpx
import psutil

from playground.service.owners import HEADER
from tests.bench.strangers.client import Client, Lost, Refused, Stage
from tests.security.visitor import as_file

GOING = ("waiting", "starting", "training")


@dataclass
class Figures:
    made: int = 0
    kills: int = 0
    broken: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    crossed: list[str] = field(default_factory=list)
    other: int = 0
    firsts: list[float] = field(default_factory=list)

    def waits(self) -> str:
        cuts = quantiles(self.firsts, n=100)
        return f"p50 {cuts[49]:.2f} s, p95 {cuts[94]:.2f} s, p99 {cuts[98]:.2f} s, longest {max(self.firsts):.2f} s"

    def __str__(self) -> str:
        return (
            f"{self.made} calls, {self.kills} kills, {self.broken} broken by them, refused {dict(self.refused)}, "
            f"lost {len(self.lost)} {self.lost[:2]}, crossed {len(self.crossed)} {self.crossed[:2]}, "
            f"in other words than before {self.other}"
        )


@dataclass
class Visitor:
    number: int
    client: Client
    answer: str = ""
    adapter: str = ""
    job: str = ""


class Crowd:
    def __init__(self, stage: Stage, visitors: int, taught: int, at_once: int) -> None:
        self.stage, self.figures = stage, Figures()
        self._at_once = at_once
        self._visitors = [Visitor(one, Client(stage, f"10.1.{one // 250}.{one % 250}")) for one in range(visitors)]
        self._pupils = self._visitors[:taught]
        self._turn = 0

    async def arrive(self) -> None:
        """Everybody gets a key, and asks their question while nothing else goes on."""
        for visitor in self._visitors:
            _, key = await visitor.client.ask("new_key")
            visitor.client.headers[HEADER] = key
            first, visitor.answer = await self._write(visitor)
            self.figures.firsts.append(first)
        alike = len(self._visitors) - len({one.answer for one in self._visitors})
        print(f"{len(self._visitors)} visitors, of whom {alike} have an answer like another's")

    async def teach(self, steps: int) -> None:
        for pupil in self._pupils:
            path = await pupil.client.upload("rows.csv", _rows(pupil.number, 12))
            values = (as_file(path), f"Of {pupil.number}", "auto", 1, steps)
            async with httpx.AsyncClient(base_url=self.stage.url, headers=pupil.client.headers, timeout=120) as http:
                begun = await http.post("/gradio_api/call/train", json={"data": values})
                begun.raise_for_status()
                event = begun.json()["event_id"]
                async with http.stream("GET", f"/gradio_api/call/train/{event}") as told:
                    async for line in told.aiter_lines():
                        if line.startswith("data: ") and line != "data: null":
                            break
            pupil.job = (await self._jobs(pupil))[0]["job_id"]

    async def call(self, times: int) -> None:
        """So many calls, by turns, a few visitors at once; fewer where the app is killed meanwhile."""
        left = iter(range(times))

        async def some() -> None:
            for _ in left:
                if not self.stage.lives.is_set():
                    return
                visitor = self._visitors[self._turn % len(self._visitors)]
                self._turn += 1
                await self._counted(visitor)

        await asyncio.gather(*(some() for _ in range(self._at_once)))

    async def _counted(self, visitor: Visitor) -> None:
        do = random.choices((self._ask, self._look, self._send, self._status), (5, 2, 1, 2))[0]
        self.figures.made += 1
        try:
            await do(visitor)
        except Refused as reason:
            self.figures.refused[str(reason)[:120]] += 1
        except (Lost, httpx.HTTPError) as error:
            if self.stage.lives.is_set():
                self.figures.lost.append(f"{do.__name__}: {error!r}"[:300])
            else:
                self.figures.broken += 1

    async def _ask(self, visitor: Visitor) -> None:
        first, answer = await self._write(visitor)
        self.figures.firsts.append(first)
        if answer == visitor.answer:
            return
        others = [one.number for one in self._visitors if one.answer == answer]
        if others:
            self.figures.crossed.append(f"{visitor.number} got the answer of {others}: {answer}")
        else:
            self.figures.other += 1

    async def _look(self, visitor: Visitor) -> None:
        """What is told as theirs must be theirs, and all of it."""
        runs = {one["job_id"] for one in await self._jobs(visitor)}
        if runs != ({visitor.job} if visitor.job else set()):
            self.figures.crossed.append(f"{visitor.number} has {runs}, not {visitor.job}")
        _, adapters = await visitor.client.ask("adapters")
        own = {one["name"] for one in adapters if one["visibility"] == "private"}
        if own - {f"Of {visitor.number}"}:
            self.figures.crossed.append(f"{visitor.number} has the adapters {own}")

    async def _send(self, visitor: Visitor) -> None:
        rows = 3 + visitor.number % 20
        path = await visitor.client.upload(f"rows-{visitor.number}.csv", _rows(visitor.number, rows))
        _, found = await visitor.client.ask("inspect_dataset", as_file(path), "auto")
        if found["rows"] != rows:
            self.figures.crossed.append(f"{visitor.number} sent {rows} rows, and {found['rows']} were read")

    async def _status(self, visitor: Visitor) -> None:
        await visitor.client.ask("status")

    async def _write(self, visitor: Visitor) -> tuple[float, str]:
        asked = (f"Tell me about the number {visitor.number}.", "base", "", 12, 1.0, 1.0, 50, 1.0, visitor.number, 1.0)
        first, answer = await visitor.client.ask("generate", *asked)
        return first, str(answer)

    async def _jobs(self, visitor: Visitor) -> list[dict[str, Any]]:
        return list((await visitor.client.ask("jobs"))[1])

    async def kill_a_training(self) -> bool:
        """Wait until a training process works, and kill it; False where all runs have ended."""
        while True:
            states = {one["state"] for pupil in self._pupils for one in await self._jobs(pupil)}
            if not states & set(GOING):
                return False
            workers = [one for one in psutil.Process(self.stage.pid).children(True) if _trains(one)]
            if workers and "training" in states:
                os.kill(workers[0].pid, signal.SIGKILL)
                return True
            await asyncio.sleep(0.2)

    async def resume(self) -> None:
        """Go on with the runs that a kill has ended."""
        for pupil in self._pupils:
            for run in await self._jobs(pupil):
                if run["can_resume"]:
                    with suppress(Refused):
                        await pupil.client.ask("resume_job", run["job_id"], leave=True)

    async def finish_the_runs(self) -> None:
        deadline = time.monotonic() + 1800
        while time.monotonic() < deadline:
            states = [(await self._jobs(pupil))[0]["state"] for pupil in self._pupils]
            if all(state == "done" for state in states):
                break
            await self.resume()
            await asyncio.sleep(2)
        for pupil in self._pupils:
            run = (await self._jobs(pupil))[0]
            pupil.adapter = run.get("adapter") or f"none: {run['state']} at step {run['step']}"

    def runs(self) -> list[str]:
        return [pupil.adapter for pupil in self._pupils]

    @asynccontextmanager
    async def beside(self, *others: "Callable[[Stage], Coroutine[Any, Any, None]]") -> AsyncIterator[None]:
        """Others go on with what they do as long as the block does."""
        tasks = [asyncio.create_task(one(self.stage)) for one in others]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _rows(number: int, rows: int) -> bytes:
    lines = [f"What is {number} and {row}?,It is {number + row} of them." for row in range(rows)]
    return ("question,answer\n" + "\n".join(lines) + "\n").encode()


def _trains(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return any("playground.training.worker" in part for part in process.cmdline())
    return False
