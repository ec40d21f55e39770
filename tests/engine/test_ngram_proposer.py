"""Speculation changes how soon an answer is there, and never a token of it."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from playground.engine.llm_engine import LLMEngine
from playground.engine.model_runner import ModelRunner
from playground.engine.ngram_proposer import FIRST_PAUSE, FIRST_TOKENS, MAX_PAUSE, MAX_TOKENS, NgramProposer
from playground.engine.sched import scheduler
from playground.models.tokenizer import ChatTokenizer
from playground.protocol.requests import GenerateRequest, RequestOutput
from playground.protocol.sampling import GREEDY, SamplingParams
from tests.support.asking import PROMPT, endless, greedy, until

WAYS = {
    "greedy": GREEDY,
    "sampled": SamplingParams(temperature=0.9, seed=3),
    "all tokens": SamplingParams(temperature=1.2, top_p=1.0, top_k=0, seed=4),
    "penalty": SamplingParams(temperature=0.0, repetition_penalty=1.3),
    "sampled, penalty": SamplingParams(temperature=0.8, repetition_penalty=1.2, seed=5),
}


class Oracle:
    """Proposes what will be said, and errs after a few tokens as often as it does not."""

    def __init__(self, prompt: int, said: Sequence[int]) -> None:
        self._prompt, self._said, self._random = prompt, said, random.Random(1)

    def propose(self, proposer: NgramProposer, most: int) -> list[int]:
        at = len(proposer._token_ids) - self._prompt
        proposed = [*self._said[at : at + self._random.randint(0, 6)]]
        if self._random.random() < 0.5:
            proposed.append(7)
        return proposed[:most]


def ask(live: LLMEngine, request: GenerateRequest) -> RequestOutput:
    output = live.submit(request).result(30)
    until(lambda: live.status().running == 0)
    return output


def spoken(live: LLMEngine, request: GenerateRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], Any]:
    """The tokens of an answer, and the answer, without speculation."""
    tokens: list[int] = []
    extend = NgramProposer.extend
    with monkeypatch.context() as watched:
        watched.setattr(scheduler, "MAX_SPECULATING", 0)
        watched.setattr(NgramProposer, "extend", lambda one, more: (tokens.extend(more), extend(one, more))[1])
        output = ask(live, request)
    return tokens[len(request.prompt_token_ids) :], output


def test_proposes_what_followed_last_time() -> None:
    proposer = NgramProposer([1, 2, 3, 4, 1, 2, 3, 5, 6, 7, 1, 2, 3])
    assert proposer.propose(9) == [5, 6, 7, 1][:FIRST_TOKENS]
    assert proposer.propose(2) == [5, 6]
    assert proposer.propose(0) == []
    proposer.extend([9])
    assert proposer.propose(9) == []
    assert NgramProposer([1, 1, 1, 1, 1]).propose(9) == [1]
    assert NgramProposer([1, 2]).propose(9) == []


def test_proposes_more_where_it_is_right_and_pauses_where_it_is_not() -> None:
    proposer = NgramProposer([*range(50), 1, 2, 3])
    sizes = []
    for _ in range(4):
        sizes.append(len(proposer.propose(99)))
        proposer.learn(sizes[-1], sizes[-1])
    assert sizes == [FIRST_TOKENS, 2 * FIRST_TOKENS, MAX_TOKENS, MAX_TOKENS]
    proposer.learn(MAX_TOKENS, 3)
    assert len(proposer.propose(99)) == 3
    pause = FIRST_PAUSE
    while pause < MAX_PAUSE:
        proposer.learn(3, 0)
        assert proposer.propose(99)
        proposer.learn(3, 0)
        for _ in range(pause):
            assert not proposer.propose(99)
            proposer.extend([3])
        proposer.extend([1, 2, 3])
        assert proposer.propose(99)
        pause = min(2 * pause, MAX_PAUSE)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fields", [{}, {"top_logprobs": 2}, {"stop": True}], ids=["plain", "logprobs", "stop"])
def test_every_token_is_the_one_without_it(
    engine: LLMEngine, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch, way: str, fields: dict[str, Any]
) -> None:
    """Whatever is proposed, right or wrong, and however tokens are chosen; in fewer passes where it was right."""
    params = replace(WAYS[way], max_new_tokens=60)
    request = GenerateRequest(tuple(tokenizer.encode(PROMPT)), params, top_logprobs=fields.get("top_logprobs", 0))
    said, want = spoken(engine, request, monkeypatch)
    if "stop" in fields:
        request = replace(request, sampling=replace(params, stop=(want.text[9:12],)))
        said, want = spoken(engine, request, monkeypatch)
    oracle = Oracle(len(request.prompt_token_ids), said)
    passes = []
    run = ModelRunner.execute
    monkeypatch.setattr(NgramProposer, "propose", lambda *of: oracle.propose(*of))
    monkeypatch.setattr(ModelRunner, "execute", lambda *of: (passes.append(1), run(*of))[1])
    output = ask(engine, request)
    assert (output.text, output.num_tokens, output.finish_reason) == (want.text, want.num_tokens, want.finish_reason)
    assert [one.token for one in output.logprobs] == [one.token for one in want.logprobs]
    for one, other in zip(output.logprobs, want.logprobs, strict=True):
        assert one.logprob == pytest.approx(other.logprob, abs=1e-4)
    assert len(passes) < want.num_tokens or want.num_tokens < 4


def test_a_text_that_repeats_itself_takes_fewer_passes(
    engine: LLMEngine, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself, up to the last token that the context holds, and what was kept of it is right for the next."""
    request = greedy(tokenizer, "The dog. " * 40, 500)
    _, want = spoken(engine, request, monkeypatch)
    engine._core.scheduler.prefix_cache.clear()
    passes = []
    run = ModelRunner.execute
    monkeypatch.setattr(ModelRunner, "execute", lambda *of: (passes.append(1), run(*of))[1])
    assert ask(engine, request) == want
    assert len(passes) < 0.8 * want.num_tokens
    longer = greedy(tokenizer, "The dog. " * 40 + want.text[:40], 40)
    known = ask(engine, longer)
    engine._core.scheduler.prefix_cache.clear()
    assert ask(engine, longer) == known


def test_others_are_not_disturbed(engine: LLMEngine, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who decodes beside it gets the same tokens, and with many at once nothing is proposed."""
    seen: list[int] = []
    run = ModelRunner.execute

    def watched(self: ModelRunner, scheduled: Any) -> Any:
        if scheduled.speculative:
            seen.append(len(scheduled.decode) + len(scheduled.speculative))
        return run(self, scheduled)

    repeating, other = greedy(tokenizer, "The dog. " * 20, 60), greedy(tokenizer, PROMPT, 60)
    want = [ask(engine, repeating), ask(engine, other)]
    monkeypatch.setattr(ModelRunner, "execute", watched)
    assert [one.result(30) for one in [engine.submit(repeating), engine.submit(other)]] == want
    assert seen and max(seen) <= scheduler.MAX_SPECULATING
    held = [engine.submit(endless(tokenizer, seed)) for seed in range(3)]
    until(lambda: engine.status().running == 3)
    seen.clear()
    assert engine.submit(repeating).result(30) == want[0]
    assert not seen
    for one in held:
        one.abort()
