"""Defends adapters on experts: each writes what PEFT's own `generate` writes, alone and in mixed batches, and leaves
the base as it was."""

from pathlib import Path
from typing import Any

import pytest
from peft import PeftModel
from transformers import AutoModelForCausalLM

from playground.engine.llm_engine import LLMEngine
from playground.models.loader import load_model
from tests.engine.sequential.families import FAMILIES, make_family
from tests.engine.sequential.test_families import MOST, TEXTS, generated, whole
from tests.models.stored.adapters import adapter_for
from tests.support.asking import greedy

NAMES = ("qwen3_moe", "mixtral", "gpt_oss", "olmoe", "deepseek_v3", "glm4_moe", "qwen3_next")


@pytest.mark.parametrize("name", NAMES)
def test_it_writes_what_peft_generates(name: str, tmp_path: Path) -> None:
    folder = make_family(name, tmp_path / "model", FAMILIES[name])
    loaded = load_model(str(folder), "none")
    assert loaded.info.expert_parameters == ("gate_up_proj", "down_proj")
    prompts = [loaded.tokenizer.encode(text) for text in TEXTS]
    kinds = {
        "all": {"target_parameters": ["gate_up_proj", "down_proj"]},
        "ups": {"target_parameters": ["gate_up_proj"], "target_modules": [], "r": 3, "use_rslora": True},
        "downs": {
            "target_parameters": ["mlp.experts.down_proj"],
            "target_modules": ["o_proj"],
            "rank_pattern": {"down_proj": 6},
        },
    }
    wanted = {"base": texts(folder, None, loaded.tokenizer, prompts)}
    for seed, (key, options) in enumerate(kinds.items()):
        adapter_for(loaded, tmp_path / key, seed, **options)
        wanted[key] = texts(folder, tmp_path / key, loaded.tokenizer, prompts)
    assert all(wanted[key] != wanted["base"] for key in kinds)
    engine = LLMEngine(loaded)
    try:
        for key in kinds:
            receipt = engine.load_adapter(key, tmp_path / key)
            assert receipt.base_unchanged
            assert receipt.max_logit_change > 0
        asked = [(at, key) for at in range(len(TEXTS)) for key in wanted]
        together = [engine.submit(greedy(loaded.tokenizer, TEXTS[at], MOST, adapter=key)) for at, key in asked]
        for (at, key), one in zip(asked, together, strict=True):
            assert whole(one.result(60).text) == wanted[key][at], (key, TEXTS[at])
        for key in wanted:
            alone = engine.submit(greedy(loaded.tokenizer, TEXTS[0], MOST, adapter=key)).result(60)
            assert whole(alone.text) == wanted[key][0]
    finally:
        engine.close()


def texts(folder: Path, adapter: Path | None, tokenizer: Any, prompts: list[list[int]]) -> list[str]:
    """What transformers writes, through PEFT where there is an adapter."""
    model: Any = AutoModelForCausalLM.from_pretrained(folder).eval()
    if adapter:
        model = PeftModel.from_pretrained(model, adapter).eval()
    return [whole(tokenizer.decode(generated(model, prompt))) for prompt in prompts]
