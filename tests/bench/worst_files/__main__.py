"""What the worst files cost their reader, for each megabyte: python -m tests.bench.worst_files [--size 4] [NAME …]."""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.errors import PlaygroundError
from playground.sandbox.limits import Limits, keep_to
from playground.service.reading.dataset import DatasetFile, read_dataset
from tests.bench.worst_files.adapters import ADAPTERS, read_adapter, read_gguf
from tests.bench.worst_files.tables import TABLES

MIB = 2**20
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one file of `size` bytes; `seconds` of the processor, `memory` beside what the process began with."""

    size: int
    seconds: float
    memory: float
    told: str

    def each(self) -> str:
        """For a megabyte."""
        megabytes = self.size / MIB
        return f"{self.seconds / megabytes:.2f} s, {self.memory / megabytes:.0f} MB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=float, default=4.0, help="of the larger file in MB; the smaller has a quarter")
    parser.add_argument("names", nargs="*", help="only those that begin so")
    asked = parser.parse_args()
    cases = {**TABLES, **ADAPTERS}
    chosen = [name for name in cases if name.startswith(tuple(asked.names) or "")]
    print("| file | MB | for each | MB | for each | what became of it |\n|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen:
            file_name, make = cases[name]
            small, large = (
                cost(Path(folder), file_name, make(round(size * MIB))) for size in (asked.size / 4, asked.size)
            )
            sizes = [f"{one.size / MIB:.2f} | {one.each()}" for one in (small, large)]
            print(f"| {name} | {' | '.join(sizes)} | {large.told} |", flush=True)


def cost(folder: Path, name: str, content: bytes) -> Cost:
    """Read it in a process of its own, as bounded as the app's."""
    place = Path(tempfile.mkdtemp(dir=folder)) / name
    place.write_bytes(content)
    read: Callable[[Path], Any] = {".zip": read_adapter, ".gguf": read_gguf}.get(place.suffix, read_table_file)
    size = len(content)
    del content  # else the child begins with it
    listen, tell = os.pipe()
    child = os.fork()
    if not child:
        os.close(listen)
        _child(read, place, tell)
    os.close(tell)
    with os.fdopen(listen, "rb") as told:
        said = told.read().decode()
    _, status, usage = os.wait4(child, 0)
    place.unlink()
    before, _, outcome = said.partition("\n")
    if os.WIFSIGNALED(status):
        outcome = f"ended by signal {os.WTERMSIG(status)}"
    return Cost(size, usage.ru_utime + usage.ru_stime, (usage.ru_maxrss * 1024 - float(before)) / MIB, outcome)


def read_table_file(path: Path) -> None:
    read_dataset(DatasetFile(path, repairs=None), 0, SHOWN)


def _child(read: Callable[[Path], Any], path: Path, tell: int) -> None:
    """Never returns."""
    keep_to(Limits())
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    os.write(tell, f"{held}\n".encode())
    began = time.process_time()
    try:
        read(path)
        said = "read"
    except (PlaygroundError, ValueError, OSError) as refused:
        said = f"refused: {str(refused)[:60]}"
    except MemoryError:
        said = "out of memory"
    os.write(tell, f"{said} ({time.process_time() - began:.1f} s)".encode())
    os._exit(0)


if __name__ == "__main__":
    main()
