"""Defends that a live model can be changed into each family, and that what it writes then is what `generate` writes."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM
from transformers.models.qwen3_5 import Qwen3_5Config, Qwen3_5ForConditionalGeneration

from playground.engine.host import LocalModelHost
from playground.models.loader import load_model
from playground.protocol.client import SamplingClient
from playground.protocol.sampling import SamplingParams
from tests.engine.sequential.families import FAMILIES, ONE_BY_ONE, family_config, make_family
from tests.engine.sequential.test_families import MOST, TEXTS, generated, whole
from tests.support.tiny import CHATML, make_tokenizer

QUICK = ("lfm2", "qwen3")
NAMES = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES]
PICTURES = {
    "depth": 1,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_heads": 2,
    "out_hidden_size": 64,
    "num_position_embeddings": 16,
}


@pytest.fixture(scope="module")
def host(tiny_model_folder: Path) -> Iterator[LocalModelHost]:
    """One that goes from family to family, as an operator's does."""
    held = LocalModelHost(load_model(str(tiny_model_folder), "none"))
    yield held
    held.close()


@pytest.mark.parametrize("name", NAMES)
def test_it_becomes_the_family_and_the_first_again(
    host: LocalModelHost, tiny_model_folder: Path, name: str, tmp_path: Path
) -> None:
    folder = make_family(name, tmp_path / "model", FAMILIES[name])
    first, before = answers(host.client()), host.state().generation
    host.load(str(folder), "none")
    assert (host.info.folder, host.state().phase, host.state().failed) == (folder, "ready", None)
    client = host.client()
    base: Any = AutoModelForCausalLM.from_pretrained(folder).eval()
    prompts = [client.tokenizer.encode(text) for text in TEXTS]
    assert answers(client) == [whole(client.tokenizer.decode(generated(base, prompt))) for prompt in prompts]
    host.load(str(tiny_model_folder), "none")
    assert answers(host.client()) == first
    assert host.state().generation == before + 2


def test_of_a_model_for_pictures_too_only_the_text_is_loaded(host: LocalModelHost, tmp_path: Path) -> None:
    """As Qwen3.5 comes on the hub."""
    name, folder = "qwen3_5_text", tmp_path / "model"
    text = family_config(name, ONE_BY_ONE[name])
    both: Any = Qwen3_5ForConditionalGeneration(
        Qwen3_5Config(text_config=text.to_dict(), vision_config=PICTURES)
    ).eval()
    both.save_pretrained(folder)
    make_tokenizer(CHATML).save_pretrained(folder)
    host.load(str(folder), "none")
    client = host.client()
    assert host.info.num_parameters < both.num_parameters()
    prompts = [client.tokenizer.encode(text) for text in TEXTS]
    assert answers(client) == [whole(client.tokenizer.decode(generated(both, prompt))) for prompt in prompts]


def answers(client: SamplingClient) -> list[str]:
    async def last(text: str) -> str:
        found = ""
        async for output in client.generate(client.tokenizer.encode(text), SamplingParams(MOST, temperature=0.0)):
            found = output.text
        return whole(found)

    async def together() -> list[str]:
        return await asyncio.gather(*map(last, TEXTS))

    return asyncio.run(together())
