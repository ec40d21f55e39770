"""What was read once is not read again, and nobody can tell what somebody else has asked."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from playground.engine.kv_cache import KVCache
from playground.engine.llm_engine import LLMEngine
from playground.engine.model_runner import ModelRunner
from playground.engine.prefix_cache import MAX_ENTRIES, PrefixCache
from playground.models.loader import LoadedModel, load_model
from playground.models.tokenizer import ChatTokenizer
from playground.protocol.messages import Message
from playground.protocol.requests import GenerateRequest, LogprobsRequest
from playground.protocol.sampling import SamplingParams
from tests.support.asking import PROMPT, greedy, until
from tests.support.tiny import CHATML, make_llama

OWN_SYSTEM = "{{ '<|im_start|>system\nYou are a little helpful dog.<|im_end|>\n' }}" + CHATML
QUESTION: Message = {"role": "user", "content": "Tell me about the little dog in the garden."}
Count = Callable[[GenerateRequest | LogprobsRequest], int]


@pytest.fixture
def count(engine: LLMEngine, monkeypatch: pytest.MonkeyPatch) -> Count:
    return counter(engine, monkeypatch)


@pytest.fixture
def templated(tmp_path: Path) -> Iterator[LLMEngine]:
    """A live model whose chat template begins with words of its own."""
    live = LLMEngine(load_model(str(make_llama(tmp_path / "model", chat_template=OWN_SYSTEM)), "none"))
    yield live
    live.close()


def counter(live: LLMEngine, monkeypatch: pytest.MonkeyPatch) -> Count:
    """How many tokens of a prompt the model reads to answer a request."""
    computed: list[int] = []
    run = ModelRunner.execute

    def counted(self: ModelRunner, scheduled: Any) -> Any:
        one_each = [*scheduled.decode, *(seq for seq, _ in scheduled.speculative)]
        computed.extend(1 for seq in one_each if seq.num_computed_tokens < len(seq.request.prompt_token_ids))
        computed.extend(chunk.num_tokens for _, chunk in scheduled.prefill)
        return run(self, scheduled)

    monkeypatch.setattr(ModelRunner, "execute", counted)

    def count(asked: GenerateRequest | LogprobsRequest) -> int:
        computed.clear()
        if isinstance(asked, GenerateRequest):
            live.submit(asked).result(30)
        else:
            asyncio.run(live.compute_logprobs(asked))
        until(lambda: live.status().running == 0)
        return sum(computed)

    return count


def chat(tokenizer: ChatTokenizer, *messages: Message, most: int = 12, **fields: Any) -> GenerateRequest:
    ids = tuple(tokenizer.apply_chat_template(messages))
    return GenerateRequest(ids, SamplingParams(max_new_tokens=most, temperature=0.0, stop=("dog",)), **fields)


def test_the_next_question_of_a_chat_reads_what_is_new(
    engine: LLMEngine, tokenizer: ChatTokenizer, count: Count
) -> None:
    """The first question and its answer are not read again, and the next answer is as if they had been."""
    first = chat(tokenizer, QUESTION)
    assert count(first) == len(first.prompt_token_ids)
    answer: Message = {"role": "assistant", "content": engine.submit(first).result(30).text}
    second = chat(tokenizer, QUESTION, answer, {"role": "user", "content": "And the film?"})
    assert count(second) < len(second.prompt_token_ids) - len(first.prompt_token_ids)
    remembered = engine.submit(second).result(30)
    until(lambda: engine.status().running == 0)
    engine._core.scheduler.prefix_cache.clear()
    assert engine.submit(second).result(30) == remembered


def test_a_prompt_that_is_known_reads_its_last_token(tokenizer: ChatTokenizer, count: Count) -> None:
    """What follows a prompt must be computed anew, whether it is written on or scored."""
    asked = greedy(tokenizer)
    count(asked)
    assert count(asked) == 1
    assert count(LogprobsRequest(asked.prompt_token_ids, ((5, 6), (7,)))) == 1


def test_scores_are_the_same_from_a_known_prompt(engine: LLMEngine, tokenizer: ChatTokenizer) -> None:
    request = LogprobsRequest(tuple(tokenizer.encode(PROMPT)), ((5, 6, 7), (8,)))
    before, after = (asyncio.run(engine.compute_logprobs(request)) for _ in range(2))
    for one, other in zip(before, after, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)
        assert one.eos_logprobs == pytest.approx(other.eos_logprobs, abs=1e-4)


@pytest.mark.parametrize(
    "other", [{"owner": "two"}, {"owner": ""}, {"adapter": "b"}, {"adapter": "base"}, {"strength": 0.5}]
)
def test_never_across_owners_adapters_or_strengths(
    engine: LLMEngine, tokenizer: ChatTokenizer, adapters: list[Path], count: Count, other: dict[str, Any]
) -> None:
    """The same words are read anew for another owner, through another adapter, and at another strength."""
    for key, folder in zip("ab", adapters, strict=True):
        engine.load_adapter(key, folder)
    own = {"owner": "one", "adapter": "a", "strength": 1.0}
    size = len(tokenizer.encode(PROMPT))
    assert count(greedy(tokenizer, **own)) == size
    assert count(greedy(tokenizer, **(own | other))) == size
    assert count(greedy(tokenizer, **own)) == 1


def test_the_templates_own_words_are_read_once_for_all(templated: LLMEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are nobody's; whatever a visitor has typed is read anew for another, even where it is the same."""
    tokenizer = templated._loaded.tokenizer
    count, asked = counter(templated, monkeypatch), chat(tokenizer, QUESTION, owner="one")
    prefix = tokenizer.template_prefix_ids
    assert asked.prompt_token_ids[: len(prefix)] == prefix
    assert tokenizer.decode(prefix).strip().endswith("user")
    assert count(asked) == len(asked.prompt_token_ids)
    assert count(chat(tokenizer, QUESTION, owner="two")) == len(asked.prompt_token_ids) - len(prefix)


def test_who_leaves_leaves_nothing_behind(templated: LLMEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What others have asked stays known, and so do the template's own words."""
    tokenizer = templated._loaded.tokenizer
    count, asked = counter(templated, monkeypatch), [chat(tokenizer, QUESTION, owner=who) for who in ("one", "two")]
    for one in asked:
        count(one)
    templated.forget_owner("one")
    prefix = tokenizer.template_prefix_ids
    assert [count(one) for one in asked] == [len(asked[0].prompt_token_ids) - len(prefix), 1]


def test_another_adapter_under_the_same_name_starts_afresh(
    engine: LLMEngine, tokenizer: ChatTokenizer, adapters: list[Path], count: Count
) -> None:
    """What was computed with the one before counts for nothing."""
    asked = greedy(tokenizer, adapter="a")
    engine.load_adapter("a", adapters[0])
    count(asked)
    before = engine.submit(asked).result(30)
    engine.unload_adapter("a")
    engine.load_adapter("a", adapters[1])
    assert count(asked) == len(asked.prompt_token_ids)
    engine.unload_adapter("a")
    engine.load_adapter("a", adapters[0])
    assert engine.submit(asked).result(30) == before


def test_an_adapter_that_is_read_again_starts_afresh(
    engine: LLMEngine, tokenizer: ChatTokenizer, adapters: list[Path], count: Count
) -> None:
    """Its files may have changed while it was not in memory."""
    asked = greedy(tokenizer, adapter="a")
    engine.load_adapter("a", adapters[0])
    count(asked)
    assert count(asked) == 1
    engine._core.call_between_steps(lambda: engine._lora._evict("a") or True)
    assert count(asked) == len(asked.prompt_token_ids)


def test_what_is_kept_is_bounded_and_gives_way(loaded: LoadedModel, tokenizer: ChatTokenizer) -> None:
    """It takes an eighth of what running requests may hold, and nothing of what these need."""
    live = LLMEngine(loaded, max_total_tokens=800)
    kept = live._core.scheduler.prefix_cache
    try:
        for number in range(30):
            live.submit(greedy(tokenizer, f"{number} dogs and {number} cats", 8)).result(30)
        until(lambda: live.status().running == 0)
        assert 50 < kept.num_tokens <= 100
        assert kept.size_bytes == kept.num_tokens * 2 * 2 * 2 * 16 * 4  # keys and values, layers, heads, width, fp32
        assert live.status().prefix_cache_gib == round(kept.size_bytes / 2**30, 2)
        large = [live.submit(GenerateRequest((5,) * 290, SamplingParams(100, 1.5, 1.0, 0, seed=1))) for _ in range(2)]
        until(lambda: live.status().running == 2)
        assert kept.num_tokens <= 20
        for one in large:
            one.abort()
    finally:
        live.close()
    assert kept.size_bytes == 0 == kept.num_tokens


def test_memory_that_runs_out_is_given_back_first(
    engine: LLMEngine, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody who is being answered gives way as long as there is anything kept."""
    want = engine.submit(greedy(tokenizer)).result(30)
    until(lambda: engine.status().running == 0)
    run, raised = ModelRunner.execute, []

    def scarce(self: ModelRunner, scheduled: Any) -> Any:
        if engine._core.scheduler.prefix_cache.size_bytes:
            raised.append(True)
            raise torch.OutOfMemoryError("no memory")
        return run(self, scheduled)

    monkeypatch.setattr(ModelRunner, "execute", scarce)
    assert engine.submit(greedy(tokenizer, owner="two")).result(30) == want
    assert raised == [True]


@pytest.mark.parametrize("method", ["copy_slot", "fill_slot"])
def test_memory_may_run_out_while_copying(
    engine: LLMEngine, tokenizer: ChatTokenizer, count: Count, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Then the request is answered as if nothing had been kept."""
    asked = greedy(tokenizer)
    want = engine.submit(asked).result(30)
    until(lambda: engine.status().running == 0)

    def scarce(*_: Any) -> None:
        raise torch.OutOfMemoryError("no memory")

    with monkeypatch.context() as broken:
        broken.setattr(KVCache, method, scarce)
        assert engine.submit(asked if method == "fill_slot" else greedy(tokenizer, PROMPT * 2)).result(30)
        until(lambda: engine.status().running == 0)
    assert engine.submit(asked).result(30) == want


def test_nobody_crowds_out_the_others() -> None:
    """The owner who keeps the most gives up the oldest; so does one who keeps many small things."""
    kv_cache = KVCache()
    kv_cache.reserve(1, 64)
    kv_cache.layer(0, torch.zeros(1, 1, 4))
    cache = PrefixCache(kv_cache, 10_000)
    for number in range(MAX_ENTRIES + 50):
        owner = "modest" if number < 3 else "greedy"
        cache.keep(GenerateRequest((1,), owner=owner), [number] * 10, 0, 10_000)
    prompts = {number: GenerateRequest((number,) * 11, owner="modest") for number in range(3)}
    assert [cache.restore(prompt, prompt.prompt_token_ids, 0) for prompt in prompts.values()] == [10] * 3
    assert cache.num_tokens == 10 * MAX_ENTRIES
    cache.shrink(35)
    assert cache.num_tokens == 30
    assert cache.restore(prompts[2], prompts[2].prompt_token_ids, 0) == 10
    assert cache.clear() and not cache.clear()
