"""Defends every family: greedy text as `generate` writes it, alone and beside others, with an adapter and without."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, PreTrainedModel

from playground.engine.llm_engine import LLMEngine
from playground.models.loader import load_model
from tests.engine.sequential.families import FAMILIES, ONE_BY_ONE, TABLE, make_family, table
from tests.support.asking import greedy
from tests.support.tiny import make_adapter

TEXTS = ("Once upon a time", "The dog liked to run in the garden and", "Der kleine Hund")
QUICK = ("mamba", "jamba", "gptj", "gpt_oss", "qwen3_next")
NAMES = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES]
MOST = 12


@pytest.mark.parametrize("name", NAMES)
def test_it_writes_what_generate_writes(name: str, tmp_path: Path) -> None:
    folder = make_family(name, tmp_path / "model", FAMILIES[name])
    loaded = load_model(str(folder), "none")
    adapter = make_adapter(folder, tmp_path / "adapter", targets=loaded.info.linear_modules)
    prompts = [loaded.tokenizer.encode(text) for text in TEXTS]
    base: Any = AutoModelForCausalLM.from_pretrained(folder).eval()
    wanted = [whole(loaded.tokenizer.decode(generated(base, prompt))) for prompt in prompts]
    adapted = PeftModel.from_pretrained(base, adapter).eval()
    taught = [whole(loaded.tokenizer.decode(generated(adapted, prompt))) for prompt in prompts]
    assert taught != wanted
    engine = LLMEngine(loaded)
    try:
        assert engine.one_at_a_time == (name in ONE_BY_ONE)
        receipt = engine.load_adapter("taught", adapter)
        assert receipt.base_unchanged and receipt.max_logit_change > 0
        asked = [(text, key) for text in TEXTS for key in ("base", "taught")]
        together = [engine.submit(greedy(loaded.tokenizer, text, MOST, adapter=key)) for text, key in asked]
        found = [whole(one.result(60).text) for one in together]
        assert found[::2] == wanted
        assert found[1::2] == taught
        alone = [whole(engine.submit(greedy(loaded.tokenizer, text, MOST)).result(60).text) for text in TEXTS]
        assert alone == wanted
    finally:
        engine.close()


@torch.inference_mode()
def generated(model: PreTrainedModel, prompt: list[int]) -> list[int]:
    ids = torch.tensor([prompt])
    whole = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=MOST, do_sample=False)
    new: list[int] = whole[0, len(prompt) :].tolist()
    return new


def whole(text: str) -> str:
    """Without half a character at its end, which the engine waits for."""
    return text.rstrip("\N{REPLACEMENT CHARACTER}")


def test_the_table_is_of_these() -> None:
    assert TABLE.read_text(encoding="utf-8") == table()
