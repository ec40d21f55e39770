"""The live model answers exactly as transformers does, to many at once, whatever joins, leaves or fails."""

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from playground.engine.host import LocalModelHost
from playground.engine.llm_engine import LLMEngine
from playground.engine.sequence import StepLimits
from playground.errors import AdapterError, EngineError, InputError
from playground.models.loader import LoadedModel, load_model
from playground.models.tokenizer import ChatTokenizer
from playground.protocol.engine import EngineStatus
from playground.protocol.requests import GenerateRequest, LogprobsRequest, RequestOutput
from playground.protocol.sampling import GREEDY, SamplingParams
from tests.support.asking import PROMPT, endless, greedy, until


def expected_text(folder: Path, tokenizer: ChatTokenizer, text: str, most: int) -> str:
    """What transformers' own `generate` says, greedily."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    ids = torch.tensor([tokenizer.encode(text)])
    ends = list(tokenizer.eos_token_ids)
    out = model.generate(ids, max_new_tokens=most, do_sample=False, eos_token_id=ends)[0].tolist()
    whole = [token for token in out if token not in tokenizer.eos_token_ids]
    return tokenizer.decode(whole)[len(tokenizer.decode(ids[0].tolist())) :].rstrip("\ufffd")


def test_the_host_tells_what_memory_allows(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks cut long texts by it: told more than the engine takes, they would be refused part by part."""
    monkeypatch.setattr("playground.engine.llm_engine.kv_cache_capacity", lambda *_: 100)
    tokenizer = loaded.tokenizer
    host = LocalModelHost(loaded)
    try:
        assert host.info.context_length == 100 < loaded.info.context_length
        assert host._live().submit(greedy(tokenizer, most=100 - len(tokenizer.encode(PROMPT)))).result(30).finish_reason
    finally:
        host.close()


@pytest.mark.parametrize("text", [PROMPT, "小狗", "The film was good, " * 40])
def test_greedy_equals_transformers(
    engine: LLMEngine, tokenizer: ChatTokenizer, tiny_model_folder: Path, text: str
) -> None:
    """The answer is the library's own, token for token, also for a prompt that goes in in several parts."""
    chunk = engine.submit(greedy(tokenizer, text)).result(30)
    assert chunk.text == expected_text(tiny_model_folder, tokenizer, text, 40)


def test_stories_keep_their_spaces(stories_folder: Path) -> None:
    """A model the project did not make tells its story as transformers would, leading space included."""
    model = load_model(str(stories_folder), "none")
    tokenizer = model.tokenizer
    live = LLMEngine(model)
    try:
        chunk = live.submit(greedy(tokenizer, "Once upon a time", 30)).result(30)
    finally:
        live.close()
    assert chunk.text == expected_text(stories_folder, tokenizer, "Once upon a time", 30)
    assert chunk.text[0] in " ,"


def test_company_changes_nothing(engine: LLMEngine, tokenizer: ChatTokenizer) -> None:
    """Greedy and seeded answers are the same alone and among fifteen others."""
    requests = [greedy(tokenizer, f"The dog number {i}", 12) for i in range(6)]
    requests += [
        GenerateRequest(tuple(tokenizer.encode("The sun")), SamplingParams(12, 0.8 + i / 10, 0.9, 20, 1.1, seed=i))
        for i in range(6)
    ]
    alone = [engine.submit(request).result(30).text for request in requests]
    together = [one.result(30).text for one in [engine.submit(request) for request in requests]]
    assert together == alone
    assert len(set(alone)) > 6


def test_two_seeds_differ(engine: LLMEngine, tokenizer: ChatTokenizer) -> None:
    """A seed decides the draw, and -1 draws another each time."""
    hot = [SamplingParams(20, 1.5, 1.0, 0, seed=seed) for seed in (1, 1, 2, -1, -1)]
    texts = [engine.submit(GenerateRequest(tuple(tokenizer.encode("A")), one)).result(30).text for one in hot]
    assert texts[0] == texts[1]
    assert len(set(texts)) == 4


def test_streams_the_whole_text(engine: LLMEngine, tokenizer: ChatTokenizer) -> None:
    """Chunks carry the whole text so far, each a beginning of the next, and the last says why it ended."""

    async def read() -> list[RequestOutput]:
        return [chunk async for chunk in engine.submit(greedy(tokenizer))]

    chunks = asyncio.run(read())
    assert [chunk.finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].finish_reason in ("stop", "length")
    for one, following in itertools.pairwise(chunks):
        assert following.text.startswith(one.text)
        assert following.num_tokens >= one.num_tokens


def test_stops_before_a_stop_text(engine: LLMEngine, tokenizer: ChatTokenizer) -> None:
    """The answer ends before the stop text, no part of which was ever shown."""
    whole = engine.submit(greedy(tokenizer)).result(30).text
    stop = whole[5:8]
    request = GenerateRequest(tuple(tokenizer.encode(PROMPT)), SamplingParams(40, 0.0, stop=(stop,)))

    async def read() -> list[RequestOutput]:
        return [chunk async for chunk in engine.submit(request)]

    chunks = asyncio.run(read())
    assert chunks[-1].text == whole[: whole.index(stop)]
    assert chunks[-1].finish_reason == "stop"
    assert all(chunks[-1].text.startswith(chunk.text) for chunk in chunks)


def test_abort_frees_the_slot(engine: LLMEngine, tokenizer: ChatTokenizer) -> None:
    """An aborted request ends with what it had, and a second abort does no harm."""
    running = engine.submit(GenerateRequest(tuple(tokenizer.encode("A")), SamplingParams(400, 1.0, 1.0, 0, seed=3)))
    until(lambda: engine.status().running == 1)
    running.abort()
    chunk = running.result(30)
    running.abort()
    assert chunk.finish_reason == "abort"
    assert chunk.num_tokens < 400
    until(lambda: engine.status().running == 0)


def test_context_bounds(engine: LLMEngine, tokenizer: ChatTokenizer) -> None:
    """A prompt that fills the context is refused with both numbers; one with little room gets a short answer."""
    with pytest.raises(InputError, match=r"512 tokens.* 512 at once"):
        engine.submit(GenerateRequest((5,) * 512))
    chunk = engine.submit(GenerateRequest((5,) * 509, GREEDY)).result(30)
    assert chunk.finish_reason is not None
    assert chunk.num_tokens <= 3


@pytest.mark.parametrize(
    ("request_", "kind", "says"),
    [
        (GenerateRequest(()), InputError, "empty"),
        (GenerateRequest((1, 9999)), InputError, "token"),
        (GenerateRequest((5,), adapter="nobody"), AdapterError, "nobody"),
        (GenerateRequest((5,), strength=float("nan")), InputError, "strength"),
        (GenerateRequest((5,), strength=1.6), InputError, "1.5"),
        (GenerateRequest((5,), SamplingParams(temperature=float("inf"))), InputError, "temperature"),
    ],
)
def test_refuses_what_it_cannot_answer(
    engine: LLMEngine, request_: GenerateRequest, kind: type[Exception], says: str
) -> None:
    """Bad requests are refused when they are made, in words."""
    with pytest.raises(kind, match=says):
        engine.submit(request_)


def test_scores_equal_a_plain_forward(engine: LLMEngine, tokenizer: ChatTokenizer, tiny_model_folder: Path) -> None:
    """Log-probabilities, and those of ending after each token, are those of one plain pass over the whole text."""
    plain = AutoModelForCausalLM.from_pretrained(tiny_model_folder)
    prompt = tokenizer.encode("The film was good, " * 30)
    rows = tuple(
        tuple(tokenizer.encode_continuation(text)) for text in (" and", " the price was high", "", " 小狗", " x" * 60)
    )
    scores = asyncio.run(engine.compute_logprobs(LogprobsRequest(tuple(prompt), rows)))
    for row, score in zip(rows, scores, strict=True):
        with torch.inference_mode():
            table = plain(torch.tensor([[*prompt, *row]])).logits[0].log_softmax(-1)
        begin = len(prompt) - 1
        want = [float(table[begin + i, token]) for i, token in enumerate(row)]
        ends = [float(table[begin + 1 + i, list(tokenizer.eos_token_ids)].logsumexp(-1)) for i in range(len(row))]
        assert score.logprobs == pytest.approx(want, abs=1e-3)
        assert score.eos_logprobs == pytest.approx(ends, abs=1e-3)


def test_scores_in_small_batches(engine: LLMEngine, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cutting the work into many passes changes no score."""
    request = LogprobsRequest(
        tuple(tokenizer.encode(PROMPT)), tuple(tuple(tokenizer.encode_continuation(" dog" * n)) for n in range(1, 9))
    )
    whole = asyncio.run(engine.compute_logprobs(request))
    few = StepLimits(scoring_kv_tokens=60, scoring_logits=2048)
    monkeypatch.setattr(engine, "_served", replace(engine._served, limits=few))
    monkeypatch.setattr(engine._core.scheduler, "max_prefill_tokens", 3)
    parts = asyncio.run(engine.compute_logprobs(request))
    for one, other in zip(whole, parts, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-3)
        assert one.eos_logprobs == pytest.approx(other.eos_logprobs, abs=1e-3)


def test_status_and_threads(engine: LLMEngine, host: LocalModelHost) -> None:
    """Status says what moves, the host's facts what is loaded; a number of threads that cannot be is refused."""
    assert (host.info.precision, host.info.device, host.info.context_length) == ("fp32", "cpu", 512)
    assert engine.status() == EngineStatus(running=0, queue=0, adapters_resident=())
    engine.set_threads(1)
    with pytest.raises(InputError, match="threads"):
        engine.set_threads(0)


def test_tells_how_likely_each_token_was(engine: LLMEngine, tokenizer: ChatTokenizer, tiny_model_folder: Path) -> None:
    """The log-probabilities are the model's own, before temperature, and the greedy choice is above all others."""
    plain = AutoModelForCausalLM.from_pretrained(tiny_model_folder)
    request = replace(greedy(tokenizer, most=6), top_logprobs=3)
    chunk = engine.submit(request).result(30)
    with torch.inference_mode():
        first = plain(torch.tensor([request.prompt_token_ids])).logits[0, -1].log_softmax(-1)
    assert len(chunk.logprobs) == chunk.num_tokens == 6
    assert "".join(word.token for word in chunk.logprobs) == chunk.text
    assert chunk.logprobs[0].logprob == pytest.approx(float(first.max()), abs=1e-4)
    assert [logprob for _, logprob in chunk.logprobs[0].top_logprobs] == pytest.approx(
        first.topk(4).values[1:].tolist(), abs=1e-4
    )
    assert all(len(word.top_logprobs) == 3 and word.logprob >= word.top_logprobs[0][1] for word in chunk.logprobs)
    assert engine.submit(greedy(tokenizer, most=6)).result(30).logprobs == ()


def test_a_passed_deadline_frees_the_slot(loaded: LoadedModel, tokenizer: ChatTokenizer) -> None:
    """Whether it runs or still waits: one sentence, and the next one is served."""
    live = LLMEngine(loaded, max_num_seqs=1)
    try:
        long = live.submit(replace(endless(tokenizer, 1), deadline_s=0.2))
        waiting = live.submit(replace(greedy(tokenizer), deadline_s=0.05))
        last = live.submit(greedy(tokenizer, most=3))
        for one in (long, waiting):
            with pytest.raises(EngineError, match="longer than it was given"):
                one.result(30)
        assert last.result(30).num_tokens == 3
        with pytest.raises(InputError, match="deadline_s"):
            live.submit(replace(greedy(tokenizer), deadline_s=-1.0))
    finally:
        live.close()
