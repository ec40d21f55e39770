"""Changes the model round and round while sixteen visitors ask: `python -m tests.bench.change.rounds MODEL MODEL …`.

Prints, for each round, how long the changes took, how long somebody waited for a first word at most, whether an answer
was lost or came from another model than it was asked of, whether each model's first logits are the same bits as in the
first round, and what memory the process holds. `--apart` has no two models in memory at once.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import psutil

from playground.engine import host as host_module
from playground.engine.host import LocalModelHost
from playground.errors import BusyError
from playground.models.loader import load_model
from playground.models.quantized_cache import QuantizedCache
from playground.process import in_own_thread, quiet_openmp
from playground.protocol.client import SamplingClient
from playground.protocol.sampling import SamplingParams

VISITORS = 16
PROMPT = "Tell me about the sea, and about who lives in it."
TOKENS = 48
WORDS = 24
BEGINNING = 12
"""So many signs of an answer tell whose it is; later ones may differ with who is answered beside."""


@dataclass
class Seen:
    """What the visitors of one round saw."""

    answers: int = 0
    lost: int = 0
    crossed: int = 0
    refused: int = 0
    """Told to come back in a minute, as the model was being changed."""
    waits_s: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="folders, or starter")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--apart", action="store_true", help="as on a machine on which no two models fit")
    arguments = parser.parse_args()
    quiet_openmp()
    if arguments.apart:
        host_module.fits_beside = lambda folder: False
    with TemporaryDirectory() as folder:
        cache, kernels = QuantizedCache(Path(folder) / "quantized"), Path(folder) / "kernels.json"
        host = in_own_thread(lambda: LocalModelHost(load_model(arguments.models[0], cache=cache), cache, kernels))
        try:
            run(host, arguments.models, arguments.rounds)
        finally:
            host.close()


def run(host: LocalModelHost, models: list[str], rounds: int) -> None:
    said, begins = {}, {}
    for model in [*models[1:], models[0]]:
        host.load(model)
        said[host.info.id] = first_logits(host)
        begins[host.info.id] = asyncio.run(ask(host.client()))[1][:BEGINNING]
    if len(set(begins.values())) < len(models):
        raise SystemExit("These models begin their answers alike: nobody could tell them apart.")
    print(
        "| round | changes | longest wait for a word | answers | lost | crossed | refused | same | memory |\n"
        f"{'|---' * 9}|"
    )
    print(f"| before | | | | | | | | {memory_gib():.2f} GiB |", flush=True)
    for at in range(1, rounds + 1):
        seen, seconds, same = Seen(), [], True
        for model in [*models[1:], models[0]]:
            with asking(host, seen, begins):
                began = time.perf_counter()
                host.load(model)
                seconds.append(time.perf_counter() - began)
            same = same and first_logits(host) == said[host.info.id]
        if host._leaving:
            host._leaving.result()
        print(
            f"| {at} | {' '.join(f'{one:.1f}' for one in seconds)} s | {max(seen.waits_s, default=0):.1f} s "
            f"| {seen.answers} | {seen.lost} | {seen.crossed} | {seen.refused} | {same} | {memory_gib():.2f} GiB |",
            flush=True,
        )


@contextmanager
def asking(host: LocalModelHost, seen: Seen, begins: dict[str, str]) -> Iterator[None]:
    """Visitors who ask all the time, each of whoever answers when they begin; `begins` tells a model's answers."""
    stop, begun = Event(), count()

    def visit() -> None:
        while not stop.is_set():
            try:
                client = host.client()
            except BusyError:
                seen.refused += 1
                stop.wait(0.2)
                continue
            next(begun)
            try:
                wait, text = asyncio.run(ask(client))
            except Exception as error:
                seen.lost += 1
                print("lost:", type(error).__name__, error)
                continue
            seen.answers += 1
            seen.crossed += not text.startswith(begins[client.info.id])
            seen.waits_s.append(wait)

    with ThreadPoolExecutor(VISITORS) as visitors:
        futures = [visitors.submit(visit) for _ in range(VISITORS)]
        while next(begun) < VISITORS // 2:
            stop.wait(0.05)
        yield
        stop.set()
        for future in futures:
            future.result()


async def ask(client: SamplingClient) -> tuple[float, str]:
    """Seconds to the first word, and the likeliest answer."""
    began = time.perf_counter()
    wait, text = 0.0, ""
    tokens = await client.encode_prompt(PROMPT)
    async for output in client.generate(tokens, SamplingParams(TOKENS, temperature=0.0)):
        text = output.text
        if text and not wait:
            wait = time.perf_counter() - began
    return wait, text


def first_logits(host: LocalModelHost) -> list[float]:
    """The log-probabilities of some words after the prompt, to the last bit, asked alone."""

    async def alone() -> list[float]:
        client = host.client()
        tokens = await client.encode_prompt(PROMPT)
        rows = await client.compute_logprobs(tokens, [[token] for token in tokens[:WORDS]])
        return [row.logprobs[0] for row in rows]

    return asyncio.run(alone())


def memory_gib() -> float:
    return psutil.Process().memory_info().rss / 2**30


if __name__ == "__main__":
    main()
