"""Defends that an answer ends where it goes round in circles, and nowhere else."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from playground.engine.host import LocalModelHost
from playground.protocol.messages import BASE
from playground.protocol.sampling import GREEDY
from playground.tasks.generate import REPEATED, TASK
from playground.tasks.nlp.repetition import without_repetition
from playground.tasks.outputs import TextOutput
from tests.support.asking import until

TEA = "To make tea, boil water in a kettle."
CIRCLES = {
    "one clause": (
        f"{TEA} Then, add tea" + ", add tea to the kettle" * 12,
        f"{TEA} Then, add tea, add tea to the kettle",
    ),
    "a sentence": (TEA + " Add sugar and stir it well." * 12, f"{TEA} Add sugar and stir it well."),
    "a line": (f"{TEA}\n\n" + "Enjoy your cup of tea!\n\n" * 12, f"{TEA}\n\nEnjoy your cup of tea!"),
    "items with numbers": (
        TEA + "".join(f"\n{n}. Drink water and keep your body well hydrated." for n in range(1, 20)),
        f"{TEA}\n1. Drink water and keep your body well hydrated.",
    ),
    "one word": ("Benny met " + "Benny, " * 60, "Benny met Benny"),
    "Chinese": ("今天天气很好。" + "我们一起去公园玩吧。" * 12, "今天天气很好。我们一起去公园玩吧。"),
    "code": ("x = 1\n" + "self.balance = 0\n" * 20, "x = 1\nself.balance = 0"),
}
FRUIT = ("apples", "pears", "plums", "grapes", "figs", "limes", "dates", "melons", "cherries", "lemons")
VERSES = ("The sun comes up on fields of corn", "A river runs beside the mill", "The night is wide and full of stars")
NO_CIRCLES = {
    "a list": "\n".join(f"{n}. Eat more {fruit}, since they are good for you." for n, fruit in enumerate(FRUIT, 1)),
    "a table": "| fruit | count | price |\n|---|---|---|\n" + "\n".join(f"| {one} | {len(one)} | 2 |" for one in FRUIT),
    "code": "\n".join(f'print("{one}")\nassert count("{one}") == {len(one)}' for one in FRUIT),
    "data": "\n".join(f'{{"name": "{one}", "kind": "fruit", "ripe": true}},' for one in FRUIT),
    "sums": "\n".join(f"7 x {n} = {7 * n}" for n in range(1, 21)),
    "a refrain": "\n\n".join(
        f"{verse},\nand on we go.\nRow, row, row your boat,\ngently down the stream." for verse in VERSES
    ),
    "said twice": "The rain in Spain stays mainly in the plain, and nobody there knows why that is so. " * 2,
    "a line of dashes": "-" * 200 + "\n" + "=" * 200,
}


@pytest.mark.parametrize(("text", "kept"), CIRCLES.values(), ids=CIRCLES)
def test_a_circle_is_cut_back_to_its_first_round(text: str, kept: str) -> None:
    assert without_repetition(text) == kept


@pytest.mark.parametrize("text", NO_CIRCLES.values(), ids=NO_CIRCLES)
def test_what_is_only_alike_goes_on(text: str) -> None:
    assert without_repetition(text) is None


def test_the_end_alone_is_read() -> None:
    """A long answer takes no longer than a short one, and keeps all that stood before."""
    before = " ".join(f"word{number}" for number in range(5000))
    kept = without_repetition(f"{before}. {'And so on it goes. ' * 20}")
    assert kept == f"{before}. And so on it goes."


@pytest.mark.parametrize(("adapter", "prompt"), [(BASE, "sun"), ("taught", "What is 7?")])
def test_a_models_answer_ends_with_the_circle(
    host: LocalModelHost, adapters: list[Path], adapter: str, prompt: str
) -> None:
    """Its real tokens, by the base model and by an adapter: the last text is cut back, and the engine is free again.

    A penalty below 1 has a model say again what it said.
    """
    host.load_adapter("taught", adapters[0])
    client = host.client(adapter=adapter)
    params = replace(GREEDY, max_new_tokens=300, repetition_penalty=0.5)

    async def read() -> tuple[list[TextOutput], str]:
        seen = [output async for output in TASK.ask(client, prompt=prompt, params=params, top_logprobs=1)]
        token_ids = client.tokenizer.apply_chat_template(TASK.prompt(prompt=prompt))
        alike = replace(params, penalize_prompt=False)
        whole = [output.text async for output in client.generate(token_ids, alike)]
        return seen, whole[-1]

    (*growing, last), whole = asyncio.run(read())
    assert (last.note, last.finished) == (REPEATED, True)
    assert last.text == without_repetition(whole)
    assert whole.startswith(growing[-1].text) and len(last.text) < len(growing[-1].text) < len(whole)
    assert 0 < len(last.words) < len(growing[-1].words)
    assert not any(output.note for output in growing)
    until(lambda: host.status().running == 0)
