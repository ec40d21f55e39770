"""A real chat model knows what it should, and is as it was after an adapter has been in it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.engine.host import LocalModelHost
from playground.models.loader import load_model
from playground.protocol.sampling import SamplingParams
from playground.tasks.generate import TASK as GENERATE
from playground.tasks.sentiment import TASK as SENTIMENT
from playground.ui.tabs.sentiment import UNDECIDED
from tests.support.tiny import make_adapter

GREEDY = SamplingParams(temperature=0.0, max_new_tokens=48)


@pytest.fixture(scope="module")
def real_host(real_model_folder: Path) -> Iterator[LocalModelHost]:
    """As the page holds it, 4-bit where the layers allow it."""
    host = LocalModelHost(load_model(str(real_model_folder), "auto"))
    yield host
    host.close()


def answer(host: LocalModelHost, adapter: str = "base") -> str:
    """What Generate says, greedily."""

    async def ask() -> str:
        inputs = GENERATE.Inputs(prompt="What is the capital of France?", params=GREEDY)
        outputs = [output async for output in GENERATE.run(host.client(adapter=adapter), inputs)]
        assert outputs[-1].finished
        return outputs[-1].text

    return asyncio.run(ask())


def test_a_real_model_knows_the_capital_of_france(real_host: LocalModelHost) -> None:
    """Defends prompt, forward pass and sampling as a whole from mistakes that a random model cannot show."""
    assert "Paris" in answer(real_host)


def test_an_adapter_leaves_a_real_model_as_it_was(
    real_host: LocalModelHost, real_model_folder: Path, tmp_path: Path
) -> None:
    """Defends the base of real size and precision: the same greedy answer after an adapter that changes it."""
    before = answer(real_host)
    targets = real_host.info.linear_modules[:2]
    receipt = real_host.load_adapter("random", make_adapter(real_model_folder, tmp_path / "random", targets=targets))
    assert receipt.base_unchanged
    assert receipt.max_logit_change > 0
    assert answer(real_host, "random") != before
    real_host.unload_adapter("random")
    assert real_host.status().adapters_resident == ()
    assert answer(real_host) == before


MOODS = {
    "A warm, funny film with a wonderful cast.": "positive",
    "We waited forty minutes for a cold soup.": "negative",
    "Great view and a lovely breakfast.": "positive",
    "Dirty, loud and far too expensive.": "negative",
}
"""Of the page's own examples, those that are one or the other."""


def test_a_real_model_judges_the_examples_of_the_page(real_host: LocalModelHost) -> None:
    """Defends the calibration: without it such a model calls nearly everything positive."""

    async def judge(text: str) -> tuple[str, float]:
        outputs = [output async for output in SENTIMENT.ask(real_host.client(), text=text)]
        return outputs[-1].confidences[0]

    found = {text: asyncio.run(judge(text)) for text in MOODS}
    assert {text: label for text, (label, _) in found.items()} == MOODS
    assert min(share for _, share in found.values()) >= UNDECIDED
