"""How soon the page is open: `python -m tests.bench.start MODEL [--trees FOLDER …] [--rounds N]`.

Starts the app on a model's folder, in turns in each tree of the project: with its files read before (warm) and, where
the system lets go of what it has read (as root on Linux), without (cold); against a bare read of the weights.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.start", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--trees", nargs="+", type=Path, default=[HERE])
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    print(
        "| tree | files | a bare read of the weights | until the page is open | of that read |\n|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as root:
        data = {tree: Path(root) / str(number) for number, tree in enumerate(given.trees)}
        first = {tree: seconds_to_open(tree, given.model, data[tree]) for tree in given.trees}
        for cold in (False, True):
            opened: dict[Path, list[float]] = {tree: [] for tree in given.trees}
            reads = []
            for _ in range(given.rounds):
                if cold and not forget_files():
                    return
                reads.append(seconds_to_read(given.model))
                for tree in given.trees:
                    if cold:
                        forget_files()
                    opened[tree].append(seconds_to_open(tree, given.model, data[tree]))
            read = statistics.median(reads)
            for tree, times in opened.items():
                seen = statistics.median(times)
                kind = "cold" if cold else "warm"
                print(f"| {tree.name} | {kind} | {read:.2f} s | {seen:.1f} s | {seen / read:.1f}× |", flush=True)
    for tree, seen in first.items():
        print(f"\n{tree.name}: {seen:.1f} s at the very first start")


def seconds_to_open(tree: Path, model: Path, data: Path) -> float:
    settings = {"PLAYGROUND_MODEL": str(model), "PLAYGROUND_DATA_DIR": str(data), "GRADIO_SERVER_PORT": "7999"}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "app.py"], cwd=tree, env=os.environ | settings, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        if not any("is open at" in line for line in process.stdout):
            raise RuntimeError(f"the app in {tree} did not start")
        return time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def seconds_to_read(model: Path) -> float:
    began = time.perf_counter()
    for path in model.glob("*.safetensors"):
        with path.open("rb", buffering=0) as file:
            while file.read(2**24):
                pass
    return time.perf_counter() - began


def forget_files() -> bool:
    """Have the system forget what it keeps of files in memory; False where it does not let us."""
    os.sync()
    with suppress(OSError):
        Path("/proc/sys/vm/drop_caches").write_text("3")
        return True
    return False


if __name__ == "__main__":
    main()
