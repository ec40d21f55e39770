"""Two hundred visitors by turns, whatever else happens: `python -m tests.bench.strangers.soak`.

Each visitor has an address and a key, asks for an answer that is theirs alone, sends small files, and looks at what is
theirs; some teach. Meanwhile one address floods, clients leave in the middle of their answers, somebody sends files
made to cost much, and `kill -9` ends training processes and the app, which begins again on the same data folder.
Prints what was answered, refused, lost or crossed, the first word's wait, and memory and files as the calls go on.
"""

import argparse
import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from tests.bench.strangers.client import Stage
from tests.bench.strangers.crowd import Crowd
from tests.bench.strangers.harm import bombs, flood, leavers
from tests.support.running_app import running_app

STEPS = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--visitors", type=int, default=200)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--lives", type=int, default=10, help="kills of the app, and as many of a training process")
    parser.add_argument("--taught", type=int, default=5, help="visitors who teach")
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    random.seed(given.seed)
    with TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        asyncio.run(soak(data, given))


async def soak(data: Path, given: argparse.Namespace) -> None:
    stage = Stage()
    crowd = Crowd(stage, given.visitors, given.taught, given.at_once)
    orphans = 0
    for life in range(given.lives):
        with living(stage, data, given.model) as process:
            if life == 0:
                await crowd.arrive()
                print(f"quiet: first word {crowd.figures.waits()}", flush=True)
                crowd.figures.firsts.clear()
                await crowd.teach(STEPS)
            async with crowd.beside(flood, leavers, bombs):
                await crowd.resume()
                calls = asyncio.create_task(crowd.call(given.calls))  # until the kill
                killed = await crowd.kill_a_training()
                await asyncio.sleep(random.uniform(0, 2))  # some moment of the calls
                orphans += kill(stage, process)
                crowd.figures.kills += 1 + killed
                await calls
        print(f"life {life + 1}: {crowd.figures}", flush=True)
    with living(stage, data, given.model) as process:
        left = max(7, given.calls - crowd.figures.made)
        print("| calls in this life | memory of the app | files | their size | lost | crossed |", flush=True)
        print("|---|---|---|---|---|---|", flush=True)
        async with crowd.beside(flood, leavers, bombs):
            for part in range(7):
                await crowd.call(left // 7)
                seen = f"{len(crowd.figures.lost)} | {len(crowd.figures.crossed)}"
                print(f"| {(part + 1) * (left // 7)} | {held(process, data)} | {seen} |", flush=True)
        await crowd.finish_the_runs()
    print(f"at the end: {crowd.figures}\nprocesses left behind by kills: {orphans}")
    print(f"first word, while all this went on: {crowd.figures.waits()}")
    print(f"runs: {crowd.runs()}")


@contextmanager
def living(stage: Stage, data: Path, model: str) -> Iterator[psutil.Process]:
    environment = {"PLAYGROUND_MODEL": model, "PLAYGROUND_MODE": "public", "PLAYGROUND_TRUSTED_PROXIES": "1"}
    with running_app(data, **environment) as app:
        stage.begin(app.url, app.process.pid)
        try:
            yield psutil.Process(app.process.pid)
        finally:
            stage.end()


def kill(stage: Stage, process: psutil.Process) -> int:
    """End the app as an out-of-memory killer would; returns how many of its children are there 10 seconds later."""
    children = process.children(recursive=True)
    stage.end()
    os.kill(process.pid, signal.SIGKILL)
    _, left = psutil.wait_procs(children, timeout=10)
    return len(left)


def held(process: psutil.Process, data: Path) -> str:
    files = [path for path in data.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files if path.exists())
    return f"{process.memory_info().rss / 2**20:.0f} MB | {len(files)} | {size / 2**20:.1f} MB"


if __name__ == "__main__":
    began = time.monotonic()
    main()
    print(f"{(time.monotonic() - began) / 60:.0f} minutes")
