"""Nobody who asks much keeps others waiting; who gave way goes on as if nothing had been."""

import asyncio
from dataclasses import replace

import pytest

from playground.engine.llm_engine import LLMEngine
from playground.engine.sched.scheduler import Scheduler
from playground.engine.scoring import LogprobsSequence
from playground.engine.sequence import SequenceStatus, StepLimits, TokenSequence
from playground.models.loader import LoadedModel
from playground.models.tokenizer import ChatTokenizer
from playground.protocol.requests import STRANGER, ContinuationLogprobs, LogprobsRequest
from tests.support.asking import PROMPT, endless, greedy, until


def test_owners_take_turns(loaded: LoadedModel, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """One who sends many requests does not keep out one who sends a single one later."""
    served: list[str] = []
    start = Scheduler._start
    monkeypatch.setattr(Scheduler, "_start", lambda one, seq: (served.append(seq.owner), start(one, seq)))
    live = LLMEngine(loaded, max_num_seqs=1)
    try:
        first = live.submit(endless(tokenizer, 1, "greedy"))
        until(lambda: live.status().running == 1)
        names = ["greedy", "greedy", "greedy", "modest"]
        waiting = [live.submit(greedy(tokenizer, PROMPT, 2, owner=name)) for name in names]
        first.abort()
        for one in waiting:
            one.result(30)
    finally:
        live.close()
    assert "modest" in served[:3], served


def test_a_flood_gives_way(loaded: LoadedModel, tokenizer: ChatTokenizer) -> None:
    """While one address has all places and a line behind them, under many names, another's answer comes at once; what
    gave way goes on, and says what it would have said."""
    live = LLMEngine(loaded, max_num_seqs=4)
    asked = [greedy(tokenizer, f"The dog number {at}", 120, owner=f"o{at}", address="flood") for at in range(6)]
    try:
        alone = [live.submit(request).result(30).text for request in asked]
        flood = [live.submit(endless(tokenizer, seed, f"e{seed}", "flood")) for seed in range(3)]
        flood += [live.submit(request) for request in asked]
        until(lambda: live.status().running == 4)
        mine = [live.submit(greedy(tokenizer, "The sun", 4, owner="mine", address="home")) for _ in range(3)]
        assert all(one.result(30).num_tokens for one in mine)
        assert not all(one.done for one in flood)
        for one in flood[:3]:
            one.abort()
        assert [one.result(60).text for one in flood[3:]] == alone
    finally:
        live.close()


def test_those_without_a_key_share_a_line(loaded: LoadedModel, tokenizer: ChatTokenizer) -> None:
    """Also at one address: each has a name of its own, and together they are one."""
    live = LLMEngine(loaded, max_num_seqs=4)
    try:
        flood = [live.submit(endless(tokenizer, seed, f"{STRANGER}{seed}", "here")) for seed in range(8)]
        until(lambda: live.status().running == 4)
        assert live.submit(greedy(tokenizer, "The sun", 4, owner="known", address="here")).result(30).num_tokens
        assert not any(one.done for one in flood)
        for one in flood:
            one.abort()
    finally:
        live.close()


def test_a_score_that_gives_way_is_right(
    loaded: LoadedModel, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the midst of a continuation that goes in in parts."""
    gave_way: list[TokenSequence] = []
    vacate = Scheduler._vacate

    def noting(scheduler: Scheduler, seq: TokenSequence, status: SequenceStatus, failed: bool = False) -> None:
        if status is SequenceStatus.WAITING:
            gave_way.append(seq)
        vacate(scheduler, seq, status, failed)

    monkeypatch.setattr(Scheduler, "_vacate", noting)
    live = LLMEngine(loaded, max_num_seqs=2)
    monkeypatch.setattr(live, "_served", replace(live._served, limits=StepLimits(scoring_logits=1024)))
    rows = tuple(tuple(tokenizer.encode_continuation(" dog" * 100)) for _ in range(4))
    request = LogprobsRequest(tuple(tokenizer.encode(PROMPT)), rows, address="flood")
    try:
        want = asyncio.run(live.compute_logprobs(request))

        async def pushed_aside() -> list[ContinuationLogprobs]:
            other = live.submit(endless(tokenizer, 1, address="flood"))
            scores = asyncio.create_task(live.compute_logprobs(request))
            while live.status().running < 2:
                await asyncio.sleep(0.001)
            async for _ in live.submit(greedy(tokenizer, "The sun", 4, address="home")):
                pass
            other.abort()
            return await scores

        scores = asyncio.run(pushed_aside())
    finally:
        live.close()
    assert any(isinstance(seq, LogprobsSequence) for seq in gave_way)
    for one, other in zip(scores, want, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)
        assert one.eos_logprobs == pytest.approx(other.eos_logprobs, abs=1e-4)
