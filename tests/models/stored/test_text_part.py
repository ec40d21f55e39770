"""Defends models that see pictures: their part for text answers as the whole does, and takes adapters."""

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForImageTextToText

from playground.engine.llm_engine import LLMEngine
from playground.models.loader import load_model
from tests.engine.sequential.test_families import MOST, TEXTS, generated, whole
from tests.models.stored.checkpoints import SEEING, make_seeing
from tests.support.asking import greedy


@pytest.mark.parametrize("tied", [False, True], ids=["own head", "tied"])
@pytest.mark.parametrize("name", SEEING)
def test_it_writes_what_the_whole_model_writes(name: str, tied: bool, tmp_path: Path) -> None:
    folder = make_seeing(name, tmp_path / name, tied)
    loaded = load_model(str(folder), "none")
    seeing: Any = AutoModelForImageTextToText.from_pretrained(folder).eval()
    wanted = [whole(loaded.tokenizer.decode(generated(seeing, loaded.tokenizer.encode(text)))) for text in TEXTS]
    assert loaded.info.num_parameters < seeing.num_parameters()
    assert not any("vis" in layer for layer, _ in loaded.model.named_modules())
    engine = LLMEngine(loaded)
    try:
        together = [engine.submit(greedy(loaded.tokenizer, text, MOST)) for text in TEXTS]
        assert [whole(one.result(60).text) for one in together] == wanted
    finally:
        engine.close()
