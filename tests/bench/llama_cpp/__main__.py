"""A real model here and in llama.cpp: `python -m tests.bench.llama_cpp --model FOLDER --gguf FILE [--only WORDS]`.

FOLDER holds the model for transformers, FILE the same one for llama.cpp. `--theirs` names a Python that has
`llama-cpp-python`, best in an environment of its own; it answers in a process of its own, by turns with ours, and both
sleep while the other one works. Prints one Markdown table. `ATEN_CPU_CAPABILITY=avx2` measures ours as on a CPU without
AVX-512; llama.cpp then wants a build without it, or is ahead by what it has more.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "6000")  # as the app does
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from tests.bench import older_cpu
from tests.bench.engine import machine
from tests.bench.llama_cpp.rows import MEASURES, Bench, Figure
from tests.bench.llama_cpp.theirs import running_llama_cpp

HEADER = "| figure | ours | llama.cpp | ratio |\n|---|---|---|---|"


def main() -> None:
    arguments = _arguments()
    older_cpu.hide_avx512()
    chosen = [measure for name, measure in MEASURES.items() if any(word in name for word in arguments.only)]
    with ExitStack() as stack:
        theirs = stack.enter_context(running_llama_cpp(arguments.theirs, arguments.gguf, os.cpu_count() or 1))
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bench = Bench(arguments.model, root, theirs, arguments.tokens, arguments.rounds, stack)
        print(HEADER)
        for figure in _figures(bench, chosen):
            print(f"| {' | '.join(figure)} |", flush=True)
        print(f"\n{machine()} {theirs.about}")


def _figures(bench: Bench, chosen: list[Callable[[Bench], Iterator[Figure]]]) -> Iterator[Figure]:
    for measure in chosen:
        yield from measure(bench)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.llama_cpp", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="a folder with the model for transformers")
    parser.add_argument("--gguf", type=Path, required=True, help="the same model's file for llama.cpp")
    parser.add_argument("--theirs", default=sys.executable, help="a Python that has llama-cpp-python")
    parser.add_argument(
        "--only", nargs="+", default=[""], help=f"words in the names of what to run: {', '.join(MEASURES)}"
    )
    parser.add_argument("--tokens", type=int, default=48, help="new tokens of each answer")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
