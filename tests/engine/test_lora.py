"""Each token of a pass goes through its own request's adapter, as PEFT alone would take it."""

from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, PreTrainedModel

from playground.engine.attention import ATTENTION
from playground.engine.attention_check import enable_varlen_attention
from playground.engine.forward_batch import ForwardBatch, PrefillChunk
from playground.engine.kv_cache import KVCache
from playground.engine.llm_engine import LLMEngine
from playground.engine.lora import MultiLora
from playground.engine.lora_stack import LoraSegment
from playground.errors import AdapterError, EngineError
from playground.models.loader import load_model
from playground.models.tokenizer import ChatTokenizer
from playground.protocol.messages import BASE
from tests.support.asking import IDS, adapter_logits, greedy
from tests.support.tiny import make_adapter


@torch.inference_mode()
def peft_logits(base: Path, adapter: Path) -> torch.Tensor:
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter)
    logits: torch.Tensor = model(torch.tensor(IDS)).logits
    return logits


def test_logits_equal_pefts(tiny_model_folder: Path, adapters: list[Path]) -> None:
    """With two adapters resident, each gives PEFT's own logits, half strength lies between, 0 is the base itself."""
    model = load_model(str(tiny_model_folder), "none").model
    lora = MultiLora(model, model.device)
    base = adapter_logits(model, lora, BASE)
    for number, folder in enumerate(adapters):
        lora.add(str(number), folder, lora.read(folder))
    for number, folder in enumerate(adapters):
        ours = adapter_logits(model, lora, str(number))
        assert torch.allclose(ours, peft_logits(tiny_model_folder, folder), atol=1e-4)
        assert float((ours - base).abs().max()) > 0.1
        half = adapter_logits(model, lora, str(number), 0.5)
        assert not torch.allclose(half, ours, atol=1e-3)
        assert not torch.allclose(half, base, atol=1e-3)
        assert torch.equal(adapter_logits(model, lora, str(number), 0.0), base)
    assert torch.equal(adapter_logits(model, lora, BASE), base)


def test_tokens_of_many_adapters_share_a_pass(tiny_model_folder: Path, adapters: list[Path]) -> None:
    """Two adapters, one of them at two strengths, and the base, side by side: each text as if it were alone."""
    model = load_model(str(tiny_model_folder), "none").model
    lora = MultiLora(model, model.device)
    for key, folder in zip("ab", adapters, strict=True):
        lora.add(key, folder, lora.read(folder))
    asked = [("a", 1.0), (BASE, 1.0), ("b", 1.0), ("a", 0.5), ("b", 0.0), ("b", 1.5)]
    alone = [adapter_logits(model, lora, key, strength)[0, -1] for key, strength in asked]
    model.set_attn_implementation(ATTENTION)
    chunks = [PrefillChunk(slot, 0, IDS[0]) for slot in range(len(asked))]
    segments = [LoraSegment(key, strength, len(IDS[0])) for key, strength in asked]
    last = [LoraSegment(key, strength, 1) for key, strength in asked]
    with torch.inference_mode(), lora.applied(segments, last):
        together = ForwardBatch(KVCache(), prefill=chunks).run(model)[1]
    base = ForwardBatch(KVCache(), prefill=chunks).run(model)[1]
    assert torch.allclose(together, torch.stack(alone), atol=1e-4)
    assert torch.equal(together[[1, 4]], base[[1, 4]])  # the base, and an adapter that is turned off: bit for bit


def test_ranks_are_used_again_and_leave_no_trace(tiny_model_folder: Path, adapters: list[Path], tmp_path: Path) -> None:
    """Adapters of other ranks and layers take over ranks in which others stood."""
    model = load_model(str(tiny_model_folder), "none").model
    lora = MultiLora(model, model.device)
    wide = make_adapter(tiny_model_folder, tmp_path / "wide", 3, ("q_proj", "v_proj"), r=40)
    folders = {"a": adapters[0], "b": adapters[1], "wide": wide}
    first = {}
    for key, folder in folders.items():
        lora.add(key, folder, lora.read(folder))
        first[key] = adapter_logits(model, lora, key)
    for key in ("b", "a", "wide", "b", "wide", "a"):
        assert torch.equal(adapter_logits(model, lora, key), first[key]), key
    lora.remove("wide")
    lora.add("wide", adapters[0], lora.read(adapters[0]))
    assert torch.allclose(adapter_logits(model, lora, "wide"), first["a"], atol=1e-6)


def test_what_overflows_in_one_adapter_stays_with_it(
    tiny_model_folder: Path, adapters: list[Path], engine: LLMEngine, tokenizer: ChatTokenizer
) -> None:
    """Infinity times zero is no number: a mask by product would spoil everybody's answer."""
    engine.load_adapter("a", adapters[0])
    want = engine.submit(greedy(tokenizer)).result(30)
    layer = next(iter(engine._lora._resident["a"].layers.values()))
    layer.A.fill_(float("inf"))
    engine._lora._stack._rank_slices.clear()
    broken = engine.submit(greedy(tokenizer, adapter="a"))
    beside = engine.submit(greedy(tokenizer))
    with pytest.raises(EngineError, match="overflowed"):
        broken.result(30)
    assert beside.result(30) == want


def test_4bit_logits_equal_pefts(tiny_model_folder: Path, adapters: list[Path]) -> None:
    """On a 4-bit base the adapter's logits are those of PEFT on the model that trains, base weights in 4-bit too."""
    live = load_model(str(tiny_model_folder), "4bit").model
    lora = MultiLora(live, live.device)
    lora.add("a", adapters[1], lora.read(adapters[1]))
    trained = PeftModel.from_pretrained(load_model(str(tiny_model_folder), "4bit").model, adapters[1])
    with torch.inference_mode():
        want = trained(torch.tensor(IDS)).logits
    difference = (adapter_logits(live, lora, "a") - want).abs().max()
    assert float(difference) < 0.03 * float(want.abs().max())  # CPUs that pack the weights compute in bf16


def test_conv1d_logits_equal_pefts(gpt2_folder: Path, tmp_path: Path) -> None:
    """GPT-2's transposed layers take an adapter too."""
    folder = make_adapter(gpt2_folder, tmp_path / "gpt2", targets=("c_attn", "c_fc"), fan_in_fan_out=True)
    model = load_model(str(gpt2_folder), "none").model
    lora = MultiLora(model, model.device)
    lora.add("a", folder, lora.read(folder))
    assert torch.allclose(adapter_logits(model, lora, "a"), peft_logits(gpt2_folder, folder), atol=1e-4)


def test_memory_that_runs_out_on_the_way_to_the_stacks_leaves_nothing_stale(
    tiny_model_folder: Path, adapters: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked again, an adapter whose pass failed there answers as itself, not as the one before."""
    model = load_model(str(tiny_model_folder), "none").model
    lora = MultiLora(model, model.device)
    for key, folder in zip("ab", adapters, strict=True):
        lora.add(key, folder, lora.read(folder))
    want = {key: adapter_logits(model, lora, key) for key in "ab"}
    for key in "ab":
        with monkeypatch.context() as full:
            zeros, some = lora._stack._zeros, iter(range(5))

            def few_zeros(*shape: int, zeros: Any = zeros, some: Any = some) -> torch.Tensor:
                return zeros(*shape) if next(some, None) is not None else _out_of_memory()

            full.setattr(lora._stack, "_zeros", few_zeros)
            with (
                pytest.raises(torch.OutOfMemoryError),
                torch.inference_mode(),
                lora.applied([LoraSegment(key, 1.0, 1)]),
            ):
                pass
        assert torch.equal(adapter_logits(model, lora, key), want[key])


def _out_of_memory() -> NoReturn:
    raise torch.OutOfMemoryError


def logits_of(model: PreTrainedModel, lora: MultiLora, keys: list[str]) -> list[torch.Tensor]:
    prompt = list(range(5, 15))
    all_tokens, last = ([LoraSegment(key, 1.0, count) for key in keys] for count in (len(prompt), 1))
    with torch.inference_mode(), lora.applied(all_tokens, last):
        return list(
            ForwardBatch(KVCache(), prefill=[PrefillChunk(slot, 0, prompt) for slot in range(len(keys))]).run(model)[1]
        )


def test_ranks_are_bounded_and_move_together(tiny_model_folder: Path, tmp_path: Path) -> None:
    """The stacks never grow beyond the bound, whatever gaps the adapters before have left, and stay right."""
    loaded = load_model(str(tiny_model_folder), "none")
    ranks = (16, 8, 16, 24)
    folders = [make_adapter(tiny_model_folder, tmp_path / str(r) / str(i), i, r=r) for i, r in enumerate(ranks)]
    lora = MultiLora(loaded.model, loaded.device)
    before = loaded.model.config._attn_implementation
    enable_varlen_attention(loaded.model)
    lora._stack.max_total_rank = 40
    for place, folder in enumerate(folders):
        lora.add(str(place), folder, lora.read(folder))
    alone = {str(place): logits_of(loaded.model, lora, [str(place)])[0] for place in range(4)}
    for together in (["0", "1", "2"], ["1", "2"], ["3", "2"], ["1", "3"]):
        for key, seen in zip(together, logits_of(loaded.model, lora, together), strict=True):
            assert torch.allclose(seen, alone[key], atol=1e-5)
        assert lora._stack._total_rank <= 40
    assert not lora.ensure_resident("3", {"0", "1"})
    loaded.model.set_attn_implementation(before)


def test_the_head_takes_no_adapter(tiny_model_folder: Path, tmp_path: Path) -> None:
    """It answers for few of a pass's tokens, so an adapter on it is refused before it could fail somebody."""
    folder = make_adapter(tiny_model_folder, tmp_path / "head", 1, ("lm_head",))
    loaded = load_model(str(tiny_model_folder), "none")
    with pytest.raises(AdapterError, match="lm_head"):
        MultiLora(loaded.model, loaded.device).read(folder)
