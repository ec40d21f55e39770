"""Read damaged dataset files, each in a process of its own: python -m tests.bench.mutated_uploads --help."""

import argparse
import gc
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from playground.data.inspection import inspect
from playground.data.split import split
from playground.errors import DataError, InputError
from playground.models.loader import load_tokenizer
from playground.models.tokenizer import ChatTokenizer
from playground.tasks.registry import dataset_formats
from playground.training.tokenization import tokenize_examples
from tests.support.mutations import File, damaged, own_files
from tests.support.tiny_model import TINY

LIMIT_S = 10
MEMORY_BYTES = 2 * 1024**3
MAX_LENGTH = 512
READ, REFUSED = "read", "refused with a sentence"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file. `memory` is what the process held at most, in MiB."""

    file: str
    damage: str
    what: str
    detail: str
    seconds: float
    memory: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=Path, help="a folder of files to damage; the project's own by default")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    files = own_files() if asked.files is None else [(p.name, p.read_bytes()) for p in sorted(asked.files.iterdir())]
    tokenizer = tiny_codec()
    gc.freeze()  # what is there already is not looked through in every child
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            for number in range(asked.count):
                name = files[number % len(files)][0]
                damage, file = damaged(files[number % len(files)], f"{asked.seed}-{number}")
                outcomes.append(_in_a_child(file, damage, f"{number} {name}", tokenizer, Path(folder)))
        except KeyboardInterrupt:
            print(f"Stopped after {len(outcomes)} of {asked.count}.\n")
    _print(outcomes)


def tiny_codec() -> ChatTokenizer:
    """The tiny model's codec, without the model."""
    from transformers import AutoConfig

    return ChatTokenizer(load_tokenizer(TINY), AutoConfig.from_pretrained(TINY))


def teach(path: Path, tokenizer: ChatTokenizer) -> tuple[str, str]:
    """All that the page does with a file before training: (what became of it, the sentence or the counts).

    Anything but a sentence for people is raised.
    """
    try:
        found = inspect(path, formats=dataset_formats(), repairs=None)
        json.dumps(found.to_dict(), allow_nan=False).encode()
        learned, held_out = split(found.examples.usable)
        encoded = tokenize_examples([*learned, *held_out], tokenizer, MAX_LENGTH)
    except (DataError, InputError) as refusal:
        return REFUSED, str(refusal)
    return READ, f"{found.rows} rows as {found.format}, {len(encoded.rows)} taught"


def _in_a_child(file: File, damage: str, name: str, tokenizer: ChatTokenizer, folder: Path) -> Outcome:
    path = folder / f"upload{Path(file[0]).suffix}"
    path.write_bytes(file[1])
    listen, tell = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if not child:
        os.close(listen)
        _child(path, tokenizer, tell)
    os.close(tell)
    with os.fdopen(listen, "rb") as told:
        said = told.read().decode()
    _, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - began
    what, _, detail = said.partition("\n")
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        what, detail = ("too slow" if number == signal.SIGALRM else "crashed"), signal.strsignal(number) or ""
    return Outcome(name, damage, what or "crashed", detail, seconds, usage.ru_maxrss / 1024)


def _child(path: Path, tokenizer: ChatTokenizer, tell: int) -> None:
    """Never returns. The alarm ends a hang, even one inside a library."""
    signal.alarm(LIMIT_S)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, used + MEMORY_BYTES))
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    try:
        said = "\n".join(teach(path, tokenizer))
    except BaseException:
        said = "traceback\n" + traceback.format_exc()
    os.write(tell, said.encode("utf-8", "replace")[:60_000])
    os._exit(0)


def _print(outcomes: list[Outcome]) -> None:
    counts = Counter(outcome.what for outcome in outcomes)
    slowest = max(outcomes, key=lambda outcome: outcome.seconds)
    largest = max(outcomes, key=lambda outcome: outcome.memory)
    print("| what | figure | which |\n|---|---|---|")
    for what, count in counts.most_common():
        print(f"| {what} | {count} | |")
    print(f"| slowest | {slowest.seconds:.1f} s | {slowest.file}: {slowest.damage} |")
    print(f"| most memory | {largest.memory:.0f} MiB | {largest.file}: {largest.damage} |")
    for outcome in outcomes:
        if outcome.what not in (READ, REFUSED):
            print(f"\n{outcome.what}, {outcome.file}: {outcome.damage}\n{outcome.detail}")


if __name__ == "__main__":
    main()
