"""Where a step's time goes: `python -m tests.bench.step_profile FOLDER [--sequences 1 16]`.

FOLDER holds a model. While all sequences write, some steps are timed as they are, and as many again under PyTorch's
profiler. That makes small operations dearer, so its milliseconds say what to look at, and only the first figure how
long a step takes. Prints one Markdown table for each number of sequences.
"""

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "6000")  # as the app does
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from torch.profiler import ProfilerActivity, profile

from playground.engine.llm_engine import LLMEngine
from tests.bench import older_cpu
from tests.bench.engine import PROMPT, machine, wait_until
from tests.bench.subjects import Subject, prompts, request, running


def main() -> None:
    arguments = _arguments()
    older_cpu.hide_avx512()
    subject = Subject(arguments.folder.name, arguments.folder, [])
    with running(subject, "auto") as engine:
        for count in arguments.sequences:
            asked = prompts(subject.vocabulary, count, PROMPT)
            print("\n".join(table(engine, asked, arguments.steps, arguments.operations)), flush=True)
    print(f"\n{machine()}")


def table(engine: LLMEngine, asked: list[list[int]], steps: int, operations: int) -> Iterator[str]:
    profiler = profile(activities=[ProfilerActivity.CPU])
    streams = [engine.submit(request(prompt, 10_000)) for prompt in asked]
    wait_until(lambda: all(stream._output.num_tokens for stream in streams))
    plain, profiled = (
        engine._core.call_between_steps(partial(next, step_ms(steps, watch))) for watch in (nullcontext(), profiler)
    )
    for stream in streams:
        stream.abort()
    seen = sorted(profiler.key_averages(), key=lambda one: -one.self_cpu_time_total)
    inside = sum(map(_ms, seen)) / steps
    yield f"\n{len(asked)} at once: {plain:.1f} ms a step, {profiled:.1f} ms with the profiler\n"
    yield "| operation | calls a step | ms a step |\n|---|---|---|"
    for one in seen[:operations]:
        yield f"| `{one.key}` | {one.count / steps:.0f} | {_ms(one) / steps:.1f} |"
    rest = seen[operations:]
    yield f"| other operations | {sum(one.count for one in rest) / steps:.0f} | {sum(map(_ms, rest)) / steps:.1f} |"
    yield f"| between operations (Python) | | {profiled - inside:.1f} |"


def step_ms(steps: int, watch: AbstractContextManager[Any]) -> Iterator[float | None]:
    """For the engine's thread, which goes on once between two steps: nothing until the last, then the mean."""
    with watch:
        began = time.perf_counter()
        for _ in range(steps):
            yield None
        seconds = time.perf_counter() - began
    yield 1e3 * seconds / steps


def _ms(operation: Any) -> float:
    """Its own time, without that of the operations that it calls."""
    return float(operation.self_cpu_time_total) / 1e3


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.step_profile", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sequences", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--operations", type=int, default=10, help="of how many to tell")
    return parser.parse_args()


if __name__ == "__main__":
    main()
