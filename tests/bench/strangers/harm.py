"""Those who do harm in the soak: an address that floods, clients that leave, files made to cost much."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import httpx

from playground.service.owners import HEADER
from tests.bench.strangers.client import Client, Lost, Refused, Stage
from tests.security.visitor import as_file

LONG = ("Tell a very long story about a cat, a dog and a horse.", "base", "", 400, 0.9, 1.0, 0, 1.0, -1, 1.0)


async def flood(stage: Stage) -> None:
    """One address, without a key: twenty long answers at any time."""
    client = Client(stage, "10.9.9.9")
    await asyncio.gather(*(_on_and_on(stage, lambda: client.ask("generate", *LONG)) for _ in range(20)))


async def leavers(stage: Stage) -> None:
    """Four at any time who leave at the first word, each from an address of their own."""

    async def one() -> None:
        await Client(stage, f"10.8.{random.randrange(250)}.1").ask("generate", *LONG, leave=True)

    await asyncio.gather(*(_on_and_on(stage, one) for _ in range(4)))


async def bombs(stage: Stage) -> None:
    """Somebody with a key sends one file after another that is made to cost much."""
    client = Client(stage, "10.7.7.7")
    made = (
        ("wide.csv", (",".join(f"c{i}" for i in range(100_000)) + "\n" + ",".join("1" * 100_000)).encode()),
        ("lines.txt", b"a" + b"\n" * 2_000_000 + b"b"),
        ("quotes.csv", b'question,answer\n"' + b'",\n"' * 200_000),
        ("deep.json", b"[" * 200_000),
        ("marks.jsonl", b'{"text": "' + b"[INST]" * 40_000 + b'"}\n'),
    )

    async def one() -> None:
        if HEADER not in client.headers:
            client.headers[HEADER] = (await client.ask("new_key"))[1]
        path = await client.upload(*random.choice(made))
        await client.ask("inspect_dataset", as_file(path), "auto")

    await _on_and_on(stage, one)


async def _on_and_on(stage: Stage, do: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    while True:
        await stage.lives.wait()
        try:
            await do()
        except (Refused, Lost, httpx.HTTPError):
            await asyncio.sleep(0.2)  # as one who tries it again would
