"""The loop serves fairly, refuses what is too much, and outlives whatever fails in it."""

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

import pytest
import torch

from playground.engine.llm_engine import LLMEngine
from playground.engine.model_runner import ModelRunner
from playground.engine.scoring import LogprobsSequence
from playground.engine.sequence import ServedModel
from playground.errors import BusyError, EngineError, InputError
from playground.models.loader import LoadedModel
from playground.models.tokenizer import ChatTokenizer
from playground.protocol.requests import ContinuationLogprobs, GenerateRequest, LogprobsRequest
from playground.protocol.sampling import SamplingParams
from tests.support.asking import endless, greedy, until


def test_full_queue_says_when_to_come_back(loaded: LoadedModel, tokenizer: ChatTokenizer) -> None:
    """Beyond the bound a request is refused with a time; aborting a waiting one makes room at once."""
    live = LLMEngine(loaded, max_num_seqs=1, max_queued_requests=2)
    try:
        held = [live.submit(endless(tokenizer, 1))]
        until(lambda: live.status().running == 1)
        held += [live.submit(endless(tokenizer, seed)) for seed in (2, 3)]
        with pytest.raises(BusyError, match=r"2 requests waiting.* \d+ seconds"):
            live.submit(endless(tokenizer, 4))
        held[-1].abort()
        assert held[-1].result(1).finish_reason == "abort"
        held.append(live.submit(endless(tokenizer, 5)))
        for one in held:
            one.abort()
    finally:
        live.close()


def test_one_failure_stays_alone(engine: LLMEngine, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that raises fails its own request with a sentence; the other goes on to the right end."""
    want = engine.submit(greedy(tokenizer)).result(30)
    choose = "playground.engine.sampler.Sampler._distribution"
    monkeypatch.setattr(choose, lambda *_: 1 / 0)
    other = engine.submit(greedy(tokenizer))
    broken = engine.submit(endless(tokenizer, 1))
    with pytest.raises(EngineError, match=r"error [0-9a-f]{8}"):
        broken.result(30)
    assert other.result(30) == want


def test_out_of_memory_takes_the_largest(
    engine: LLMEngine, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When memory runs out and nothing is kept, the largest request gives way; the one whose step it was starts over
    and is right."""
    want = engine.submit(greedy(tokenizer)).result(30)
    until(lambda: engine.status().running == 0)
    engine._core.scheduler.prefix_cache.clear()
    large = engine.submit(GenerateRequest((5,) * 256, SamplingParams(250, 1.5, 1.0, 0, seed=1)))
    until(lambda: engine.status().running == 1)
    runner = type(engine._core.runner)
    run = runner.execute
    raised = threading.Event()

    def scarce(self: ModelRunner, scheduled: Any) -> Any:
        if scheduled.prefill and not raised.is_set():
            raised.set()
            raise torch.OutOfMemoryError("no memory")
        return run(self, scheduled)

    monkeypatch.setattr(runner, "execute", scarce)
    small = engine.submit(greedy(tokenizer))
    with pytest.raises(EngineError, match="not enough memory"):
        large.result(30)
    assert small.result(30) == want


def test_a_pass_that_fails_is_taken_apart(
    engine: LLMEngine, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the model itself fails on somebody's tokens, the others in the same pass still get theirs."""
    want = engine.submit(greedy(tokenizer)).result(30)
    runner = type(engine._core.runner)
    run = runner.execute

    def picky(self: ModelRunner, scheduled: Any) -> Any:
        if any(seq.owner == "cursed" for seq in [*scheduled.decode, *(seq for seq, _ in scheduled.prefill)]):
            raise RuntimeError("bad tokens")
        return run(self, scheduled)

    monkeypatch.setattr(runner, "execute", picky)
    fine = engine.submit(greedy(tokenizer))
    broken = engine.submit(endless(tokenizer, 1, "cursed"))
    with pytest.raises(EngineError, match=r"error [0-9a-f]{8}"):
        broken.result(30)
    assert fine.result(30) == want


def test_texts_wait_for_memory_and_let_others_by(loaded: LoadedModel, tokenizer: ChatTokenizer) -> None:
    """Two long texts that do not fit together are answered one after the other; a short one goes past the waiting."""
    live = LLMEngine(loaded, max_total_tokens=700)
    try:
        want = live.submit(greedy(tokenizer)).result(30)
        long = [
            live.submit(GenerateRequest((5,) * 200, SamplingParams(250, 1.5, 1.0, 0, seed=seed))) for seed in (1, 2)
        ]
        until(lambda: (live.status().running, live.status().queue) == (1, 1))
        long[0].abort()
        until(lambda: live.status().queue == 0)
        long[1].abort()
        assert live.submit(greedy(tokenizer)).result(30) == want
        with pytest.raises(InputError, match="too long"):
            live.submit(GenerateRequest((5,) * 701, SamplingParams(8)))
    finally:
        live.close()


def test_slots_are_given_back_when_nobody_is_left(engine: LLMEngine, tokenizer: ChatTokenizer) -> None:
    """One long text must not keep its memory for good."""
    engine.submit(greedy(tokenizer)).result(30)
    until(lambda: engine.status().running == 0)
    until(lambda: not engine._core.scheduler.kv_cache.size_bytes())


def test_short_prompts_are_read_first(
    engine: LLMEngine, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks something short does not wait until long prompts that came before have been read."""
    monkeypatch.setattr(engine._core.scheduler, "max_prefill_tokens", 8)
    long = [engine.submit(GenerateRequest((5,) * 400, SamplingParams(8, seed=seed))) for seed in range(3)]
    until(lambda: engine.status().running == 3)
    short = engine.submit(GenerateRequest((5, 6), SamplingParams(1, seed=1)))
    short.result(30)
    assert not any(one.done for one in long)
    for one in long:
        one.abort()


def test_a_score_may_be_cancelled_while_it_fails(loaded: LoadedModel, tokenizer: ChatTokenizer) -> None:
    """Its task can go at any moment, also between the look and the word."""
    served = ServedModel(loaded.model, tokenizer.decode, (), 512)
    future: Future[list[ContinuationLogprobs]] = Future()
    seq = LogprobsSequence(LogprobsRequest((1, 2), ((3,),)), future, served)
    future.cancel()
    seq.fail(EngineError("late"))
    assert future.cancelled()


@pytest.mark.parametrize("waits", [True, False])
def test_a_score_whose_task_is_cancelled_leaves_the_engine(
    loaded: LoadedModel, tokenizer: ChatTokenizer, waits: bool
) -> None:
    """Whether it waits or runs, a reader who has gone costs no further step."""
    live = LLMEngine(loaded, max_num_seqs=1)
    rows = tuple((5,) * 400 for _ in range(500))
    want = (1, 1) if waits else (1, 0)

    async def leave() -> None:
        score = asyncio.create_task(live.compute_logprobs(LogprobsRequest((5,) * 100, rows)))
        while live.status().running + live.status().queue < sum(want):
            await asyncio.sleep(0.005)
        score.cancel()
        with pytest.raises(asyncio.CancelledError):
            await score

    try:
        first = live.submit(endless(tokenizer, 1)) if waits else None
        until(lambda: live.status().running == int(waits))
        asyncio.run(leave())
        until(lambda: (live.status().running, live.status().queue) == (int(waits), 0), 5.0)
        if first is not None:
            first.abort()
    finally:
        live.close()


def test_the_loop_comes_back(loaded: LoadedModel, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of the loop itself fails what it held with a sentence, and the next request is answered."""
    live = LLMEngine(loaded)
    try:
        want = live.submit(greedy(tokenizer)).result(30)
        with monkeypatch.context() as broken:
            broken.setattr(live._core, "_run_step", lambda: 1 / 0)
            with pytest.raises(EngineError, match="start again"):
                live.submit(greedy(tokenizer)).result(30)
        assert live.submit(greedy(tokenizer)).result(30) == want
    finally:
        live.close()


@pytest.mark.parametrize("where", ["a step", "a command"])
def test_a_spoiled_gpu_ends_the_engine(
    loaded: LoadedModel, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Whatever runs, waits or comes later is told so, once; and so is whoever started the engine."""
    told: list[bool] = []
    live = LLMEngine(loaded, max_num_seqs=1, on_spoiled=lambda: told.append(True))

    def fails(*_: object) -> None:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    try:
        running = [live.submit(endless(tokenizer, seed)) for seed in (1, 2)]
        until(lambda: live.status().running == 1)
        if where == "a step":
            monkeypatch.setattr(live._core.runner, "execute", fails)
        else:
            with pytest.raises(EngineError, match="GPU failed"):
                live._core.call_between_steps(fails)
        for one in running:
            with pytest.raises(EngineError, match="GPU failed"):
                one.result(10)
        until(lambda: told == [True])
        with pytest.raises(EngineError, match="GPU failed"):
            live.submit(greedy(tokenizer))
    finally:
        live.close()


def test_close_fails_what_waits(loaded: LoadedModel, tokenizer: ChatTokenizer) -> None:
    """Closing ends running and waiting requests with a sentence, twice is fine, and later ones are refused."""
    live = LLMEngine(loaded, max_num_seqs=1)
    held = [live.submit(endless(tokenizer, seed)) for seed in (1, 2)]
    live.close()
    live.close()
    for one in held:
        with pytest.raises(EngineError, match="stopping"):
            one.result(5)
    with pytest.raises(EngineError, match="stopping"):
        live.submit(endless(tokenizer, 3))
