"""Adapters swap into the live model: right while there, gone without a trace after."""

import asyncio
import shutil
import threading
from pathlib import Path

import pytest
import torch

from playground.engine.llm_engine import LLMEngine
from playground.engine.lora import MultiLora
from playground.errors import AdapterError, EngineError, InputError
from playground.models.loader import LoadedModel, load_model
from playground.models.tokenizer import ChatTokenizer
from playground.protocol.messages import BASE
from playground.protocol.requests import GenerateRequest, LogprobsRequest
from playground.protocol.sampling import SamplingParams
from playground.training.config import TrainingConfig
from playground.training.model_limits import check_rank
from tests.support.asking import adapter_logits, greedy, until
from tests.support.tiny import damage, make_adapter


def test_each_request_its_own_adapter(engine: LLMEngine, tokenizer: ChatTokenizer, adapters: list[Path]) -> None:
    """Requests with two adapters, the base and half strength, answered together, say what each says alone."""
    receipts = [engine.load_adapter(str(number), folder) for number, folder in enumerate(adapters)]
    assert all(receipt.base_unchanged and receipt.max_logit_change > 0.1 for receipt in receipts)
    voices = [(BASE, 1.0), ("0", 1.0), ("1", 1.0), ("0", 0.5), ("0", 0.0)]
    requests = [greedy(tokenizer, adapter=key, strength=strength) for key, strength in voices]
    alone = [engine.submit(request).result(30).text for request in requests]
    together = [one.result(30).text for one in [engine.submit(request) for request in requests]]
    assert together == alone
    assert alone[4] == alone[0]
    assert len(set(alone[:4])) == 4


def test_scores_go_through_the_adapter(engine: LLMEngine, tokenizer: ChatTokenizer, adapters: list[Path]) -> None:
    """A score is the adapter's own, and the base's scores are as before."""
    rows = (tuple(tokenizer.encode_continuation(" dog")),)
    prompt = tuple(tokenizer.encode("The"))
    before = asyncio.run(engine.compute_logprobs(LogprobsRequest(prompt, rows)))
    engine.load_adapter("a", adapters[0])
    adapted = asyncio.run(engine.compute_logprobs(LogprobsRequest(prompt, rows, adapter="a")))
    assert abs(adapted[0].logprobs[0] - before[0].logprobs[0]) > 1e-3
    assert asyncio.run(engine.compute_logprobs(LogprobsRequest(prompt, rows))) == before


def test_base_is_exact_in_4bit_after_many_swaps(tiny_model_folder: Path, adapters: list[Path]) -> None:
    """In NF4 on the CPU the base's logits are the same bits before the first swap and after the twenty-fourth."""
    loaded = load_model(str(tiny_model_folder), "4bit")
    assert loaded.info.precision == "4-bit"
    tokenizer = loaded.tokenizer
    live = LLMEngine(loaded)
    try:
        first = live.submit(greedy(tokenizer)).result(30)
        logits = live._core.call_between_steps(lambda: adapter_logits(loaded.model, live._lora, BASE))
        for swap in range(12):
            for number, folder in enumerate(adapters):
                receipt = live.load_adapter(f"{swap}-{number}", folder)
                assert receipt.base_unchanged
                assert receipt.max_logit_change > 0.1
                assert live.submit(greedy(tokenizer, most=4, adapter=f"{swap}-{number}")).result(30).finish_reason
                live.unload_adapter(f"{swap}-{number}")
        after = live._core.call_between_steps(lambda: adapter_logits(loaded.model, live._lora, BASE))
        assert torch.equal(after, logits)
        assert live.submit(greedy(tokenizer)).result(30) == first
    finally:
        live.close()


def test_receipt_of_an_adapter_that_does_nothing(
    engine: LLMEngine, tiny_model_folder: Path, tmp_path: Path, adapters: list[Path]
) -> None:
    """A fresh adapter changes nothing, and the receipt says so; loading it again gives the same receipt."""
    idle = make_adapter(tiny_model_folder, tmp_path / "idle", init_lora_weights=True)
    receipt = engine.load_adapter("idle", idle)
    assert receipt.max_logit_change == 0.0
    assert receipt.base_unchanged
    assert engine.load_adapter("idle", idle) is receipt
    with pytest.raises(AdapterError, match="taken"):
        engine.load_adapter("idle", adapters[0])
    with pytest.raises(AdapterError, match="base"):
        engine.load_adapter(BASE, idle)


def test_an_adapter_whose_folder_has_moved(
    engine: LLMEngine, tokenizer: ChatTokenizer, tmp_path: Path, adapters: list[Path]
) -> None:
    """It is the same one, and is read from its new place when it had to leave memory."""
    old = shutil.copytree(adapters[0], tmp_path / "old")
    receipt = engine.load_adapter("a", old)
    said = engine.submit(greedy(tokenizer, adapter="a")).result(30)
    new = old.rename(tmp_path / "new")
    assert engine.load_adapter("a", new) is receipt
    engine._core.call_between_steps(lambda: engine._lora._evict("a") or True)
    assert engine.submit(greedy(tokenizer, adapter="a")).result(30) == said
    with pytest.raises(AdapterError, match="taken"):
        engine.load_adapter("a", adapters[1])


def test_unload_waits_for_its_last_request(engine: LLMEngine, tokenizer: ChatTokenizer, adapters: list[Path]) -> None:
    """An adapter leaves only when nobody uses it; meanwhile nobody new may begin."""
    engine.load_adapter("a", adapters[0])
    request = GenerateRequest(tuple(tokenizer.encode("A")), SamplingParams(400, 1.5, 1.0, 0, seed=1), adapter="a")
    running = engine.submit(request)
    until(lambda: engine.status().running == 1)
    leaving = threading.Thread(target=engine.unload_adapter, args=("a",))
    leaving.start()
    until(lambda: "a" in engine._leaving)
    with pytest.raises(AdapterError, match="'a'"):
        engine.submit(request)
    assert leaving.is_alive()
    running.abort()
    leaving.join(30)
    assert engine.status().adapters_resident == ()
    with pytest.raises(AdapterError, match="'a'"):
        engine.unload_adapter("a")


def test_a_failed_unload_leaves_the_name_usable(
    engine: LLMEngine, tokenizer: ChatTokenizer, adapters: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the loop starts again in the middle of it, the adapter can still be used, and unloaded."""
    engine.load_adapter("a", adapters[0])
    running = engine.submit(
        GenerateRequest(tuple(tokenizer.encode("A")), SamplingParams(400, 1.5, 1.0, 0, seed=1), adapter="a")
    )
    until(lambda: engine.status().running == 1)
    with monkeypatch.context() as broken:
        broken.setattr(engine._core, "_finish_expired", lambda: 1 / 0 if engine._leaving else None)
        with pytest.raises(EngineError, match="start again"):
            engine.unload_adapter("a")
    with pytest.raises(EngineError, match="start again"):
        running.result(10)
    assert engine.submit(greedy(tokenizer, adapter="a")).result(30).finish_reason
    engine.unload_adapter("a")
    assert engine.status().adapters_resident == ()


def test_budget_drops_the_idle_and_brings_them_back(
    tiny_model_folder: Path, tokenizer: ChatTokenizer, adapters: list[Path]
) -> None:
    """Beyond the budget the adapter used longest ago leaves memory and returns, exact, when it is named."""
    loaded = load_model(str(tiny_model_folder), "none")
    sizes = [MultiLora(loaded.model, loaded.device).read(folder).size_bytes for folder in adapters]
    live = LLMEngine(loaded, max_adapter_cache_bytes=max(sizes) + min(sizes) - 1)
    try:
        live.load_adapter("0", adapters[0])
        said = live.submit(greedy(tokenizer, adapter="0")).result(30)
        live.load_adapter("1", adapters[1])
        assert live.status().adapters_resident == ("1",)
        assert live.submit(greedy(tokenizer, adapter="0")).result(30) == said
        assert live.status().adapters_resident == ("0",)
        busy = live.submit(
            GenerateRequest(tuple(tokenizer.encode("A")), SamplingParams(400, 1.5, 1.0, 0, seed=1), adapter="0")
        )
        until(lambda: live.status().running == 1)
        other = live.submit(greedy(tokenizer, adapter="1"))
        assert live.submit(greedy(tokenizer)).result(30).finish_reason  # past the one that waits for room
        given_up = live.submit(greedy(tokenizer, adapter="1"))
        given_up.abort()
        assert given_up.result(5).finish_reason == "abort"
        assert live.status().adapters_resident == ("0",)
        busy.abort()
        assert other.result(30).finish_reason
    finally:
        live.close()


def test_a_failure_while_swapping_changes_nothing(
    engine: LLMEngine, tokenizer: ChatTokenizer, adapters: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong in the middle of a swap, the engine goes on and the adapter can be loaded again."""
    want = engine.submit(greedy(tokenizer)).result(30)
    with monkeypatch.context() as broken:
        broken.setattr(engine._canary, "max_logit_change", lambda _: 1 / 0)
        with pytest.raises(EngineError, match=r"error [0-9a-f]{8}"):
            engine.load_adapter("a", adapters[0])
    assert engine.status().adapters_resident == ()
    assert engine.submit(greedy(tokenizer)).result(30) == want
    assert engine.load_adapter("a", adapters[0]).base_unchanged


def test_an_adapter_whose_files_went_fails_its_own_request(
    tiny_model_folder: Path, tokenizer: ChatTokenizer, adapters: list[Path], tmp_path: Path
) -> None:
    """When an adapter that left memory cannot be read again, its request says so and the others go on."""
    loaded = load_model(str(tiny_model_folder), "none")
    folder = damage(tmp_path / "gone", adapters[0], "{}")
    size = max(MultiLora(loaded.model, loaded.device).read(one).size_bytes for one in adapters)
    live = LLMEngine(loaded, max_adapter_cache_bytes=size)
    try:
        live.load_adapter("gone", folder)
        live.load_adapter("other", adapters[1])
        (folder / "adapter_model.safetensors").unlink()
        broken = live.submit(greedy(tokenizer, adapter="gone"))
        fine = live.submit(greedy(tokenizer))
        with pytest.raises(AdapterError, match="missing"):
            broken.result(30)
        assert fine.result(30).finish_reason
    finally:
        live.close()


@pytest.mark.parametrize("targets", [("q_proj", "v_proj"), ("down_proj",)])
def test_what_the_form_allows_can_be_held(
    loaded: LoadedModel, tiny_model_folder: Path, tmp_path: Path, targets: tuple[str, ...]
) -> None:
    """The largest rank that a run may have is the largest that the engine takes: nobody teaches for nothing."""
    one = make_adapter(tiny_model_folder, tmp_path / "one", targets=targets, r=1)
    live = LLMEngine(loaded, max_adapter_cache_bytes=5 * MultiLora(loaded.model, loaded.device).read(one).size_bytes)
    info = loaded.info.model_copy(update={"max_adapter_numbers": live.max_adapter_numbers})
    names = ",".join(targets)
    try:
        check_rank(TrainingConfig(r=5, target_modules=names), info)
        live.load_adapter("five", make_adapter(tiny_model_folder, tmp_path / "five", targets=targets, r=5))
        with pytest.raises(InputError, match="r to 5 at most"):
            check_rank(TrainingConfig(r=6, target_modules=names), info)
        with pytest.raises(AdapterError, match="memory"):
            live.load_adapter("six", make_adapter(tiny_model_folder, tmp_path / "six", targets=targets, r=6))
    finally:
        live.close()
