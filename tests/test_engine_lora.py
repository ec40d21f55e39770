"""Adapters swap into the live model: right while there, gone without a trace after."""

import asyncio
import threading
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, PreTrainedModel

from playground.engine.live import LiveModel, start_engine
from playground.engine.lora import LoraRouter, Route
from playground.engine.packed import ATTENTION, Branches, Pass, Piece
from playground.engine.packing import pack
from playground.engine.places import Places
from playground.errors import AdapterError, EngineError
from playground.models.codec import ModelCodec, codec_for
from playground.models.loader import load_model
from playground.protocol import BASE, GenerateRequest, Sampling, ScoreRequest
from tests.asking import greedy, until
from tests.tiny import damage, make_adapter

IDS = torch.tensor([[70, 81, 73, 223, 30, 94, 283, 65, 71, 268]])


@torch.inference_mode()
def peft_logits(base: Path, adapter: Path) -> torch.Tensor:
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter)
    logits: torch.Tensor = model(IDS).logits
    return logits


@torch.inference_mode()
def routed_logits(model: PreTrainedModel, router: LoraRouter, key: str, strength: float = 1.0) -> torch.Tensor:
    """(1, T, V), by a packed pass."""
    before = model.config._attn_implementation
    model.set_attn_implementation(ATTENTION)
    with router.routed([Route(key, strength, IDS.shape[1])]):
        logits = Pass(Places(), branches=[Branches(0, 0, IDS.tolist())]).run(model)[2][0]
    model.set_attn_implementation(before)
    return logits


def test_logits_equal_pefts(tiny_model_folder: Path, adapters: list[Path]) -> None:
    """With two adapters resident, each gives PEFT's own logits, half strength lies between, 0 is the base itself."""
    model = load_model(str(tiny_model_folder), "none").model
    router = LoraRouter(model, model.device)
    base = routed_logits(model, router, BASE)
    for number, folder in enumerate(adapters):
        router.put(str(number), folder, router.read(folder))
    for number, folder in enumerate(adapters):
        ours = routed_logits(model, router, str(number))
        assert torch.allclose(ours, peft_logits(tiny_model_folder, folder), atol=1e-4)
        assert float((ours - base).abs().max()) > 0.1
        half = routed_logits(model, router, str(number), 0.5)
        assert not torch.allclose(half, ours, atol=1e-3)
        assert not torch.allclose(half, base, atol=1e-3)
        assert torch.equal(routed_logits(model, router, str(number), 0.0), base)
    assert torch.equal(routed_logits(model, router, BASE), base)


def test_tokens_of_many_adapters_share_a_pass(tiny_model_folder: Path, adapters: list[Path]) -> None:
    """Two adapters, one of them at two strengths, and the base, side by side: each text as if it were alone."""
    model = load_model(str(tiny_model_folder), "none").model
    router = LoraRouter(model, model.device)
    for key, folder in zip("ab", adapters, strict=True):
        router.put(key, folder, router.read(folder))
    asked = [("a", 1.0), (BASE, 1.0), ("b", 1.0), ("a", 0.5), ("b", 0.0), ("b", 1.5)]
    alone = [routed_logits(model, router, key, strength)[0, -1] for key, strength in asked]
    model.set_attn_implementation(ATTENTION)
    pieces = [Piece(place, 0, IDS[0].tolist()) for place in range(len(asked))]
    routes = [Route(key, strength, IDS.shape[1]) for key, strength in asked]
    with torch.inference_mode(), router.routed(routes):
        together = Pass(Places(), pieces=pieces).run(model)[1]
    base = Pass(Places(), pieces=pieces).run(model)[1]
    assert torch.allclose(together, torch.stack(alone), atol=1e-4)
    assert torch.equal(together[[1, 4]], base[[1, 4]])  # the base, and an adapter that is turned off: bit for bit


def test_columns_are_used_again_and_leave_no_trace(
    tiny_model_folder: Path, adapters: list[Path], tmp_path: Path
) -> None:
    """Adapters of other ranks and layers take over columns in which others stood."""
    model = load_model(str(tiny_model_folder), "none").model
    router = LoraRouter(model, model.device)
    wide = make_adapter(tiny_model_folder, tmp_path / "wide", 3, ("q_proj", "v_proj"), r=40)
    folders = {"a": adapters[0], "b": adapters[1], "wide": wide}
    first = {}
    for key, folder in folders.items():
        router.put(key, folder, router.read(folder))
        first[key] = routed_logits(model, router, key)
    for key in ("b", "a", "wide", "b", "wide", "a"):
        assert torch.equal(routed_logits(model, router, key), first[key]), key
    router.drop("wide")
    router.put("wide", adapters[0], router.read(adapters[0]))
    assert torch.allclose(routed_logits(model, router, "wide"), first["a"], atol=1e-6)


def test_what_overflows_in_one_adapter_stays_with_it(
    tiny_model_folder: Path, adapters: list[Path], engine: LiveModel, codec: ModelCodec
) -> None:
    """Infinity times zero is no number: a mask by product would spoil everybody's answer."""
    engine.load_adapter("a", adapters[0])
    want = engine.submit(greedy(codec)).result(30)
    layer = next(iter(engine._router._resident["a"].layers.values()))
    layer.down.fill_(float("inf"))
    engine._router._columns.clear()
    broken = engine.submit(greedy(codec, adapter="a"))
    beside = engine.submit(greedy(codec))
    with pytest.raises(EngineError, match="overflowed"):
        broken.result(30)
    assert beside.result(30) == want


def test_4bit_logits_equal_pefts(tiny_model_folder: Path, adapters: list[Path]) -> None:
    """On a 4-bit base the adapter's logits are those of PEFT on the model that trains, base weights in 4-bit too."""
    live = load_model(str(tiny_model_folder), "4bit").model
    router = LoraRouter(live, live.device)
    router.put("a", adapters[1], router.read(adapters[1]))
    trained = PeftModel.from_pretrained(
        load_model(str(tiny_model_folder), "4bit", for_training=True).model, adapters[1]
    )
    with torch.inference_mode():
        want = trained(IDS).logits
    difference = (routed_logits(live, router, "a") - want).abs().max()
    assert float(difference) < 0.03 * float(want.abs().max())  # CPUs that pack the weights compute in bf16


def test_conv1d_logits_equal_pefts(gpt2_folder: Path, tmp_path: Path) -> None:
    """GPT-2's transposed layers take an adapter too."""
    folder = make_adapter(gpt2_folder, tmp_path / "gpt2", targets=("c_attn", "c_fc"), fan_in_fan_out=True)
    model = load_model(str(gpt2_folder), "none").model
    router = LoraRouter(model, model.device)
    router.put("a", folder, router.read(folder))
    assert torch.allclose(routed_logits(model, router, "a"), peft_logits(gpt2_folder, folder), atol=1e-4)


def test_each_request_its_own_adapter(engine: LiveModel, codec: ModelCodec, adapters: list[Path]) -> None:
    """Requests with two adapters, the base and half strength, answered together, say what each says alone."""
    receipts = [engine.load_adapter(str(number), folder) for number, folder in enumerate(adapters)]
    assert all(receipt.base_unchanged and receipt.largest_change > 0.1 for receipt in receipts)
    voices = [(BASE, 1.0), ("0", 1.0), ("1", 1.0), ("0", 0.5), ("0", 0.0)]
    requests = [greedy(codec, adapter=key, strength=strength) for key, strength in voices]
    alone = [engine.submit(request).result(30).text for request in requests]
    together = [one.result(30).text for one in [engine.submit(request) for request in requests]]
    assert together == alone
    assert alone[4] == alone[0]
    assert len(set(alone[:4])) == 4


def test_scores_go_through_the_adapter(engine: LiveModel, codec: ModelCodec, adapters: list[Path]) -> None:
    """A score is the adapter's own, and the base's scores are as before."""
    rows = (tuple(codec.continuation(" dog")),)
    prompt = tuple(codec.plain("The"))
    before = asyncio.run(engine.score(ScoreRequest(prompt, rows)))
    engine.load_adapter("a", adapters[0])
    adapted = asyncio.run(engine.score(ScoreRequest(prompt, rows, adapter="a")))
    assert abs(adapted[0].logprobs[0] - before[0].logprobs[0]) > 1e-3
    assert asyncio.run(engine.score(ScoreRequest(prompt, rows))) == before


def test_base_is_exact_in_4bit_after_many_swaps(tiny_model_folder: Path, adapters: list[Path]) -> None:
    """In NF4 on the CPU the base's logits are the same bits before the first swap and after the twenty-fourth."""
    loaded = load_model(str(tiny_model_folder), "4bit")
    assert loaded.quantization == "4-bit"
    codec = codec_for(loaded)
    live = start_engine(loaded, codec)
    try:
        first = live.submit(greedy(codec)).result(30)
        logits = live._loop.between_steps(lambda: routed_logits(loaded.model, live._router, BASE))
        for swap in range(12):
            for number, folder in enumerate(adapters):
                receipt = live.load_adapter(f"{swap}-{number}", folder)
                assert receipt.base_unchanged
                assert receipt.largest_change > 0.1
                assert live.submit(greedy(codec, most=4, adapter=f"{swap}-{number}")).result(30).finished
                live.unload_adapter(f"{swap}-{number}")
        after = live._loop.between_steps(lambda: routed_logits(loaded.model, live._router, BASE))
        assert torch.equal(after, logits)
        assert live.submit(greedy(codec)).result(30) == first
    finally:
        live.close()


def test_receipt_of_an_adapter_that_does_nothing(
    engine: LiveModel, tiny_model_folder: Path, tmp_path: Path, adapters: list[Path]
) -> None:
    """A fresh adapter changes nothing, and the receipt says so; loading it again gives the same receipt."""
    idle = make_adapter(tiny_model_folder, tmp_path / "idle", init_lora_weights=True)
    receipt = engine.load_adapter("idle", idle)
    assert receipt.largest_change == 0.0
    assert receipt.base_unchanged
    assert engine.load_adapter("idle", idle) is receipt
    with pytest.raises(AdapterError, match="taken"):
        engine.load_adapter("idle", adapters[0])
    with pytest.raises(AdapterError, match="base"):
        engine.load_adapter(BASE, idle)


def test_unload_waits_for_its_last_request(engine: LiveModel, codec: ModelCodec, adapters: list[Path]) -> None:
    """An adapter leaves only when nobody uses it; meanwhile nobody new may begin."""
    engine.load_adapter("a", adapters[0])
    request = GenerateRequest(tuple(codec.plain("A")), Sampling(400, 1.5, 1.0, 0, seed=1), adapter="a")
    running = engine.submit(request)
    until(lambda: engine.status().running == 1)
    leaving = threading.Thread(target=engine.unload_adapter, args=("a",))
    leaving.start()
    until(lambda: "a" in engine._leaving)
    with pytest.raises(AdapterError, match="'a'"):
        engine.submit(request)
    assert leaving.is_alive()
    running.cancel()
    leaving.join(30)
    assert engine.status().adapters_resident == ()
    with pytest.raises(AdapterError, match="'a'"):
        engine.unload_adapter("a")


def test_budget_drops_the_idle_and_brings_them_back(
    tiny_model_folder: Path, codec: ModelCodec, adapters: list[Path]
) -> None:
    """Beyond the budget the adapter used longest ago leaves memory and returns, exact, when it is named."""
    loaded = load_model(str(tiny_model_folder), "none")
    sizes = [LoraRouter(loaded.model, loaded.device).read(folder).size_bytes for folder in adapters]
    live = LiveModel(loaded, codec, adapter_budget_bytes=max(sizes) + min(sizes) - 1)
    try:
        live.load_adapter("0", adapters[0])
        said = live.submit(greedy(codec, adapter="0")).result(30)
        live.load_adapter("1", adapters[1])
        assert live.status().adapters_resident == ("1",)
        assert live.submit(greedy(codec, adapter="0")).result(30) == said
        assert live.status().adapters_resident == ("0",)
        busy = live.submit(GenerateRequest(tuple(codec.plain("A")), Sampling(400, 1.5, 1.0, 0, seed=1), adapter="0"))
        until(lambda: live.status().running == 1)
        other = live.submit(greedy(codec, adapter="1"))
        assert live.submit(greedy(codec)).result(30).finished  # past the one that waits for room
        given_up = live.submit(greedy(codec, adapter="1"))
        given_up.cancel()
        assert given_up.result(5).finished == "cancelled"
        assert live.status().adapters_resident == ("0",)
        busy.cancel()
        assert other.result(30).finished
    finally:
        live.close()


def test_a_failure_while_swapping_changes_nothing(
    engine: LiveModel, codec: ModelCodec, adapters: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong in the middle of a swap, the engine goes on and the adapter can be loaded again."""
    want = engine.submit(greedy(codec)).result(30)
    with monkeypatch.context() as broken:
        broken.setattr(engine._canary, "largest_change", lambda _: 1 / 0)
        with pytest.raises(EngineError, match=r"error [0-9a-f]{8}"):
            engine.load_adapter("a", adapters[0])
    assert engine.status().adapters_resident == ()
    assert engine.submit(greedy(codec)).result(30) == want
    assert engine.load_adapter("a", adapters[0]).base_unchanged


def test_an_adapter_whose_files_went_fails_its_own_request(
    tiny_model_folder: Path, codec: ModelCodec, adapters: list[Path], tmp_path: Path
) -> None:
    """When an adapter that left memory cannot be read again, its request says so and the others go on."""
    loaded = load_model(str(tiny_model_folder), "none")
    folder = damage(tmp_path / "gone", adapters[0], "{}")
    size = max(LoraRouter(loaded.model, loaded.device).read(one).size_bytes for one in adapters)
    live = LiveModel(loaded, codec, adapter_budget_bytes=size)
    try:
        live.load_adapter("gone", folder)
        live.load_adapter("other", adapters[1])
        (folder / "adapter_model.safetensors").unlink()
        broken = live.submit(greedy(codec, adapter="gone"))
        fine = live.submit(greedy(codec))
        with pytest.raises(AdapterError, match="missing"):
            broken.result(30)
        assert fine.result(30).finished
    finally:
        live.close()


def test_columns_are_bounded_and_move_together(tiny_model_folder: Path, tmp_path: Path) -> None:
    """The tables never grow beyond the bound, whatever gaps the adapters before have left, and stay right."""
    loaded = load_model(str(tiny_model_folder), "none")
    ranks = (16, 8, 16, 24)
    folders = [make_adapter(tiny_model_folder, tmp_path / str(r) / str(i), i, r=r) for i, r in enumerate(ranks)]
    router = LoraRouter(loaded.model, loaded.device)
    before = loaded.model.config._attn_implementation
    pack(loaded.model)
    router._most_columns = 40
    for place, folder in enumerate(folders):
        router.put(str(place), folder, router.read(folder))
    alone = {str(place): logits_of(loaded.model, router, [str(place)])[0] for place in range(4)}
    for together in (["0", "1", "2"], ["1", "2"], ["3", "2"], ["1", "3"]):
        for key, seen in zip(together, logits_of(loaded.model, router, together), strict=True):
            assert torch.allclose(seen, alone[key], atol=1e-5)
        assert all(len(table.down) <= 40 for table in router._tables.values())
    assert not router.ensure_resident("3", {"0", "1"})
    router.close()
    loaded.model.set_attn_implementation(before)


def logits_of(model: PreTrainedModel, router: LoraRouter, keys: list[str]) -> list[torch.Tensor]:
    prompt = list(range(5, 15))
    with torch.inference_mode(), router.routed([Route(key, 1.0, len(prompt)) for key in keys]):
        return list(Pass(Places(), pieces=[Piece(place, 0, prompt) for place in range(len(keys))]).run(model)[1])


def test_the_head_takes_no_adapter(tiny_model_folder: Path, tmp_path: Path) -> None:
    """It answers for few of a pass's tokens, so an adapter on it is refused before it could fail somebody."""
    folder = make_adapter(tiny_model_folder, tmp_path / "head", 1, ("lm_head",))
    loaded = load_model(str(tiny_model_folder), "none")
    with pytest.raises(AdapterError, match="lm_head"):
        LoraRouter(loaded.model, loaded.device).read(folder)


def test_a_failed_unload_leaves_the_name_usable(
    engine: LiveModel, codec: ModelCodec, adapters: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the loop starts again in the middle of it, the adapter can still be used, and unloaded."""
    engine.load_adapter("a", adapters[0])
    running = engine.submit(GenerateRequest(tuple(codec.plain("A")), Sampling(400, 1.5, 1.0, 0, seed=1), adapter="a"))
    until(lambda: engine.status().running == 1)
    with monkeypatch.context() as broken:
        broken.setattr(engine._loop, "_let_go", lambda: 1 / 0 if engine._leaving else None)
        with pytest.raises(EngineError, match="start again"):
            engine.unload_adapter("a")
    with pytest.raises(EngineError, match="start again"):
        running.result(10)
    assert engine.submit(greedy(codec, adapter="a")).result(30).finished
    engine.unload_adapter("a")
    assert engine.status().adapters_resident == ()
