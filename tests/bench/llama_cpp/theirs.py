"""llama.cpp as another process sees it, so that nothing of it is loaded beside torch."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.llama_cpp.answered import Answered
from tests.support.running_app import ROOT


class LlamaCpp:
    """It has the processor to itself while it answers: ours wait passively. Its own threads may spin, which is faster
    for it, and sleep a few milliseconds after the answer.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.about: str = self._read()

    def answer(self, prompts: Sequence[Sequence[int]], num_tokens: int) -> Answered:
        assert self._process.stdin
        print(json.dumps({"prompts": prompts, "num_tokens": num_tokens}), file=self._process.stdin, flush=True)
        return Answered(**self._read())

    def _read(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"llama.cpp's process ended with {self._process.wait()}")
        return json.loads(line)


@contextmanager
def running_llama_cpp(python: str, gguf: Path, threads: int) -> Iterator[LlamaCpp]:
    command = [python, "-m", "tests.bench.llama_cpp.worker", str(gguf.resolve()), str(threads)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield LlamaCpp(process)
        finally:
            process.terminate()
