"""The loop serves fairly, refuses what is too much, and outlives whatever fails in it."""

import threading
from concurrent.futures import Future
from typing import Any

import pytest
import torch

from playground.engine.llm_engine import LiveModel
from playground.engine.scheduler import Batch
from playground.engine.sequence import ScoreWork, Speaker
from playground.errors import BusyError, EngineError, InputError
from playground.models.loader import LoadedModel
from playground.models.tokenizer import ChatTokenizer
from playground.protocol.requests import ContinuationLogprobs, GenerateRequest, LogprobsRequest
from playground.protocol.sampling import SamplingParams
from tests.asking import PROMPT, endless, greedy, until


def test_full_queue_says_when_to_come_back(loaded: LoadedModel, tokenizer: ChatTokenizer) -> None:
    """Beyond the bound a request is refused with a time; cancelling a waiting one makes room at once."""
    live = LiveModel(loaded, max_running=1, max_waiting=2)
    try:
        held = [live.submit(endless(tokenizer, 1))]
        until(lambda: live.status().running == 1)
        held += [live.submit(endless(tokenizer, seed)) for seed in (2, 3)]
        with pytest.raises(BusyError, match=r"2 requests waiting.* \d+ seconds"):
            live.submit(endless(tokenizer, 4))
        held[-1].cancel()
        assert held[-1].result(1).finished == "cancelled"
        held.append(live.submit(endless(tokenizer, 5)))
        for one in held:
            one.cancel()
    finally:
        live.close()


def test_owners_take_turns(loaded: LoadedModel, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """One who sends many requests does not keep out one who sends a single one later."""
    served: list[str] = []
    join = Batch.join
    monkeypatch.setattr(Batch, "join", lambda batch, work: (served.append(work.owner), join(batch, work)))
    live = LiveModel(loaded, max_running=1)
    try:
        first = live.submit(endless(tokenizer, 1, "greedy"))
        until(lambda: live.status().running == 1)
        names = ["greedy", "greedy", "greedy", "modest"]
        waiting = [live.submit(greedy(tokenizer, PROMPT, 2, owner=name)) for name in names]
        first.cancel()
        for one in waiting:
            one.result(30)
    finally:
        live.close()
    assert "modest" in served[:3], served


def test_one_failure_stays_alone(engine: LiveModel, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
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
    engine: LiveModel, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When memory runs out the largest request gives way; the one whose step it was starts over and is right."""
    want = engine.submit(greedy(tokenizer)).result(30)
    large = engine.submit(GenerateRequest((5,) * 256, SamplingParams(250, 1.5, 1.0, 0, seed=1)))
    until(lambda: engine.status().running == 1)
    run = Batch._run
    raised = threading.Event()

    def scarce(self: Batch, plan: Any) -> Any:
        if plan.pieces and not raised.is_set():
            raised.set()
            raise torch.OutOfMemoryError("no memory")
        return run(self, plan)

    monkeypatch.setattr(Batch, "_run", scarce)
    small = engine.submit(greedy(tokenizer))
    with pytest.raises(EngineError, match="not enough memory"):
        large.result(30)
    assert small.result(30) == want


def test_a_pass_that_fails_is_taken_apart(
    engine: LiveModel, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the model itself fails on somebody's tokens, the others in the same pass still get theirs."""
    want = engine.submit(greedy(tokenizer)).result(30)
    run = Batch._run

    def picky(self: Batch, plan: Any) -> Any:
        if any(work.owner == "cursed" for work in [*plan.single, *(work for work, _ in plan.pieces)]):
            raise RuntimeError("bad tokens")
        return run(self, plan)

    monkeypatch.setattr(Batch, "_run", picky)
    fine = engine.submit(greedy(tokenizer))
    broken = engine.submit(endless(tokenizer, 1, "cursed"))
    with pytest.raises(EngineError, match=r"error [0-9a-f]{8}"):
        broken.result(30)
    assert fine.result(30) == want


def test_texts_wait_for_memory_and_let_others_by(loaded: LoadedModel, tokenizer: ChatTokenizer) -> None:
    """Two long texts that do not fit together are answered one after the other; a short one goes past the waiting."""
    live = LiveModel(loaded, most_tokens=700)
    try:
        want = live.submit(greedy(tokenizer)).result(30)
        long = [
            live.submit(GenerateRequest((5,) * 200, SamplingParams(250, 1.5, 1.0, 0, seed=seed))) for seed in (1, 2)
        ]
        until(lambda: (live.status().running, live.status().queue) == (1, 1))
        long[0].cancel()
        until(lambda: live.status().queue == 0)
        long[1].cancel()
        assert live.submit(greedy(tokenizer)).result(30) == want
        with pytest.raises(InputError, match="too long"):
            live.submit(GenerateRequest((5,) * 701, SamplingParams(8)))
    finally:
        live.close()


def test_places_are_given_back_when_nobody_is_left(engine: LiveModel, tokenizer: ChatTokenizer) -> None:
    """One long text must not keep its memory for good."""
    engine.submit(greedy(tokenizer)).result(30)
    until(lambda: engine.status().running == 0)
    until(lambda: not engine._loop._batch._places._layers)


def test_short_prompts_are_read_first(
    engine: LiveModel, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks something short does not wait until long prompts that came before have been read."""
    monkeypatch.setattr("playground.engine.scheduler.PREFILL_TOKENS", 8)
    long = [engine.submit(GenerateRequest((5,) * 400, SamplingParams(8, seed=seed))) for seed in range(3)]
    until(lambda: engine.status().running == 3)
    short = engine.submit(GenerateRequest((5, 6), SamplingParams(1, seed=1)))
    short.result(30)
    assert not any(one.done for one in long)
    for one in long:
        one.cancel()


def test_a_score_may_be_cancelled_while_it_fails(loaded: LoadedModel, tokenizer: ChatTokenizer) -> None:
    """Its task can go at any moment, also between the look and the word."""
    speaker = Speaker(loaded.model, tokenizer.decode, (), 512)
    future: Future[list[ContinuationLogprobs]] = Future()
    work = ScoreWork(LogprobsRequest((1, 2), ((3,),)), future, speaker)
    future.cancel()
    work.fail(EngineError("late"))
    assert work.cancelled


def test_the_loop_comes_back(loaded: LoadedModel, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of the loop itself fails what it held with a sentence, and the next request is answered."""
    live = LiveModel(loaded)
    try:
        want = live.submit(greedy(tokenizer)).result(30)
        with monkeypatch.context() as broken:
            broken.setattr(live._loop, "_step_all", lambda: 1 / 0)
            with pytest.raises(EngineError, match="start again"):
                live.submit(greedy(tokenizer)).result(30)
        assert live.submit(greedy(tokenizer)).result(30) == want
    finally:
        live.close()


def test_close_fails_what_waits(loaded: LoadedModel, tokenizer: ChatTokenizer) -> None:
    """Closing ends running and waiting requests with a sentence, twice is fine, and later ones are refused."""
    live = LiveModel(loaded, max_running=1)
    held = [live.submit(endless(tokenizer, seed)) for seed in (1, 2)]
    live.close()
    live.close()
    for one in held:
        with pytest.raises(EngineError, match="stopping"):
            one.result(5)
    with pytest.raises(EngineError, match="stopping"):
        live.submit(endless(tokenizer, 3))
