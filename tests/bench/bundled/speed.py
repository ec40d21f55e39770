"""How fast the bundled model writes, by itself and with its skills: `python -m tests.bench.bundled.speed`.

One visitor, sixteen, and sixteen of whom some ask the base and others each of the skills, by turns in one run.
"""

import asyncio
import itertools
import os
import statistics
import time
from collections.abc import Sequence

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "6000")

from playground.adapters.builtin import builtin_adapters
from playground.engine.host import LocalModelHost
from playground.models.loader import load_model
from playground.process import in_own_thread
from playground.protocol.messages import BASE
from playground.protocol.sampling import SamplingParams

TOKENS, ROUNDS = 96, 5
_owners = itertools.count()


def main() -> None:
    host = in_own_thread(_host)
    skills = builtin_adapters()
    for card in skills:
        host.load_adapter(card.id, card.folder)
    one_skill = max(skills, key=lambda card: card.folder.joinpath("adapter_model.safetensors").stat().st_size)
    ways = {
        "one": (1, [BASE]),
        "sixteen": (16, [BASE]),
        f"sixteen on {one_skill.name}": (16, [one_skill.id]),
        f"sixteen over the base and {len(skills)} skills": (16, [BASE, *(card.id for card in skills)]),
    }
    seen: dict[str, list[float]] = {name: [] for name in ways}
    asyncio.run(_tokens_per_s(host, 2, [BASE]))
    for _ in range(ROUNDS):
        for name, (visitors, adapters) in ways.items():
            seen[name].append(asyncio.run(_tokens_per_s(host, visitors, adapters)))
    host.close()
    print("| visitors | tokens/s, median | of sixteen on the base |\n|---|---|---|")
    for name, speeds in seen.items():
        ratio = statistics.median(own / base for own, base in zip(speeds, seen["sixteen"], strict=True))
        print(f"| {name} | {statistics.median(speeds):.0f} | {ratio:.2f} |")


def _host() -> LocalModelHost:
    """No answer ends by itself: a skill's would soon, and leave few to write."""
    loaded = load_model("starter")
    loaded.tokenizer.eos_token_ids = ()
    return LocalModelHost(loaded)


async def _tokens_per_s(host: LocalModelHost, visitors: int, adapters: Sequence[str]) -> float:
    began = time.monotonic()
    asked = (_write(host, adapters[place % len(adapters)], place) for place in range(visitors))
    return sum(await asyncio.gather(*asked)) / (time.monotonic() - began)


async def _write(host: LocalModelHost, adapter: str, seed: int) -> int:
    """A text to be continued; each is another visitor's."""
    client, written = host.client(owner=f"{next(_owners)}", adapter=adapter), 0
    tokens = client.tokenizer.encode(f"Chapter {seed + 1}. The keeper of the lighthouse climbed the stairs and")
    async for output in client.generate(tokens, SamplingParams(TOKENS, 0.7, 0.95, 0, seed=seed)):
        written = output.num_tokens
    return written


if __name__ == "__main__":
    main()
