"""The live model answers exactly as transformers does, to many at once, whatever joins, leaves or fails."""

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from playground.engine.llm_engine import LiveModel, start_engine
from playground.errors import AdapterError, EngineError, InputError
from playground.models.loader import LoadedModel, load_model
from playground.models.tokenizer import ModelCodec, codec_for
from playground.protocol.requests import GREEDY, Chunk, GenerateRequest, Sampling, ScoreRequest
from tests.asking import PROMPT, endless, greedy, until


def expected_text(folder: Path, codec: ModelCodec, text: str, most: int) -> str:
    """What transformers' own `generate` says, greedily."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    ids = torch.tensor([codec.plain(text)])
    out = model.generate(ids, max_new_tokens=most, do_sample=False, eos_token_id=list(codec.end_tokens))[0].tolist()
    whole = [token for token in out if token not in codec.end_tokens]
    return codec.decode(whole)[len(codec.decode(ids[0].tolist())) :].rstrip("\ufffd")


def test_the_codec_tells_what_memory_allows(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks cut long texts by it: told more than the engine takes, they would be refused part by part."""
    monkeypatch.setattr("playground.engine.llm_engine.token_budget", lambda *_: 100)
    codec = codec_for(loaded)
    live = start_engine(loaded, codec)
    try:
        assert codec.context_length == live.status().context_length == 100
        assert live.submit(greedy(codec, most=100 - len(codec.plain(PROMPT)))).result(30).finished
    finally:
        live.close()


@pytest.mark.parametrize("text", [PROMPT, "小狗", "The film was good, " * 40])
def test_greedy_equals_transformers(engine: LiveModel, codec: ModelCodec, tiny_model_folder: Path, text: str) -> None:
    """The answer is the library's own, token for token, also for a prompt that goes in in several parts."""
    chunk = engine.submit(greedy(codec, text)).result(30)
    assert chunk.text == expected_text(tiny_model_folder, codec, text, 40)


def test_stories_keep_their_spaces(stories_folder: Path) -> None:
    """A model the project did not make tells its story as transformers would, leading space included."""
    model = load_model(str(stories_folder), "none")
    codec = codec_for(model)
    live = start_engine(model, codec)
    try:
        chunk = live.submit(greedy(codec, "Once upon a time", 30)).result(30)
    finally:
        live.close()
    assert chunk.text == expected_text(stories_folder, codec, "Once upon a time", 30)
    assert chunk.text[0] in " ,"


def test_company_changes_nothing(engine: LiveModel, codec: ModelCodec) -> None:
    """Greedy and seeded answers are the same alone and among fifteen others."""
    requests = [greedy(codec, f"The dog number {i}", 12) for i in range(6)]
    requests += [
        GenerateRequest(tuple(codec.plain("The sun")), Sampling(12, 0.8 + i / 10, 0.9, 20, 1.1, seed=i))
        for i in range(6)
    ]
    alone = [engine.submit(request).result(30).text for request in requests]
    together = [one.result(30).text for one in [engine.submit(request) for request in requests]]
    assert together == alone
    assert len(set(alone)) > 6


def test_two_seeds_differ(engine: LiveModel, codec: ModelCodec) -> None:
    """A seed decides the draw, and -1 draws another each time."""
    hot = [Sampling(20, 1.5, 1.0, 0, seed=seed) for seed in (1, 1, 2, -1, -1)]
    texts = [engine.submit(GenerateRequest(tuple(codec.plain("A")), one)).result(30).text for one in hot]
    assert texts[0] == texts[1]
    assert len(set(texts)) == 4


def test_streams_the_whole_text(engine: LiveModel, codec: ModelCodec) -> None:
    """Chunks carry the whole text so far, each a beginning of the next, and the last says why it ended."""

    async def read() -> list[Chunk]:
        return [chunk async for chunk in engine.submit(greedy(codec))]

    chunks = asyncio.run(read())
    assert [chunk.finished for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].finished in ("stop", "length")
    for one, following in itertools.pairwise(chunks):
        assert following.text.startswith(one.text)
        assert following.new_tokens >= one.new_tokens


def test_stops_before_a_stop_text(engine: LiveModel, codec: ModelCodec) -> None:
    """The answer ends before the stop text, no part of which was ever shown."""
    whole = engine.submit(greedy(codec)).result(30).text
    stop = whole[5:8]
    request = GenerateRequest(tuple(codec.plain(PROMPT)), Sampling(40, 0.0, stop=(stop,)))

    async def read() -> list[Chunk]:
        return [chunk async for chunk in engine.submit(request)]

    chunks = asyncio.run(read())
    assert chunks[-1].text == whole[: whole.index(stop)]
    assert chunks[-1].finished == "stop"
    assert all(chunks[-1].text.startswith(chunk.text) for chunk in chunks)


def test_cancel_frees_the_place(engine: LiveModel, codec: ModelCodec) -> None:
    """A cancelled request ends with what it had, and a second cancel does no harm."""
    running = engine.submit(GenerateRequest(tuple(codec.plain("A")), Sampling(400, 1.0, 1.0, 0, seed=3)))
    until(lambda: engine.status().running == 1)
    running.cancel()
    chunk = running.result(30)
    running.cancel()
    assert chunk.finished == "cancelled"
    assert chunk.new_tokens < 400
    until(lambda: engine.status().running == 0)


def test_context_bounds(engine: LiveModel, codec: ModelCodec) -> None:
    """A prompt that fills the context is refused with both numbers; one with little room gets a short answer."""
    with pytest.raises(InputError, match=r"512 tokens.* 512 at once"):
        engine.submit(GenerateRequest((5,) * 512))
    chunk = engine.submit(GenerateRequest((5,) * 509, GREEDY)).result(30)
    assert chunk.finished is not None
    assert chunk.new_tokens <= 3


@pytest.mark.parametrize(
    ("request_", "kind", "says"),
    [
        (GenerateRequest(()), InputError, "empty"),
        (GenerateRequest((1, 9999)), InputError, "token"),
        (GenerateRequest((5,), adapter="nobody"), AdapterError, "nobody"),
        (GenerateRequest((5,), strength=float("nan")), InputError, "strength"),
        (GenerateRequest((5,), strength=1.6), InputError, "1.5"),
        (GenerateRequest((5,), Sampling(temperature=float("inf"))), InputError, "temperature"),
    ],
)
def test_refuses_what_it_cannot_answer(
    engine: LiveModel, request_: GenerateRequest, kind: type[Exception], says: str
) -> None:
    """Bad requests are refused when they are made, in words."""
    with pytest.raises(kind, match=says):
        engine.submit(request_)


def test_scores_equal_a_plain_forward(engine: LiveModel, codec: ModelCodec, tiny_model_folder: Path) -> None:
    """Log-probabilities, and those of ending after each token, are those of one plain pass over the whole text."""
    plain = AutoModelForCausalLM.from_pretrained(tiny_model_folder)
    prompt = codec.plain("The film was good, " * 30)
    rows = tuple(tuple(codec.continuation(text)) for text in (" and", " the price was high", "", " 小狗", " x" * 60))
    scores = asyncio.run(engine.score(ScoreRequest(tuple(prompt), rows)))
    for row, score in zip(rows, scores, strict=True):
        with torch.inference_mode():
            table = plain(torch.tensor([[*prompt, *row]])).logits[0].log_softmax(-1)
        begin = len(prompt) - 1
        want = [float(table[begin + i, token]) for i, token in enumerate(row)]
        ends = [float(table[begin + 1 + i, list(codec.end_tokens)].logsumexp(-1)) for i in range(len(row))]
        assert score.logprobs == pytest.approx(want, abs=1e-3)
        assert score.end_logprobs == pytest.approx(ends, abs=1e-3)


def test_scores_in_small_batches(engine: LiveModel, codec: ModelCodec, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cutting the work into many passes changes no score."""
    request = ScoreRequest(
        tuple(codec.plain(PROMPT)), tuple(tuple(codec.continuation(" dog" * n)) for n in range(1, 9))
    )
    whole = asyncio.run(engine.score(request))
    monkeypatch.setattr("playground.engine.sequence.SCORED_TOKENS", 60)
    monkeypatch.setattr("playground.engine.sequence.SCORED_LOGITS", 2048)
    monkeypatch.setattr("playground.engine.sequence.PREFILL_TOKENS", 3)
    parts = asyncio.run(engine.score(request))
    for one, other in zip(whole, parts, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-3)
        assert one.end_logprobs == pytest.approx(other.end_logprobs, abs=1e-3)


def test_status_and_threads(engine: LiveModel, loaded: LoadedModel) -> None:
    """Status says what is loaded; a number of threads that cannot be is refused."""
    status = engine.status()
    assert (status.quantization, status.device, status.context_length) == ("fp32", "cpu", 512)
    assert status.memory_gib == pytest.approx(loaded.memory_gib)
    engine.set_threads(1)
    with pytest.raises(InputError, match="threads"):
        engine.set_threads(0)


def test_tells_how_likely_each_token_was(engine: LiveModel, codec: ModelCodec, tiny_model_folder: Path) -> None:
    """The probabilities are the model's own, before temperature, and the greedy choice is above all others."""
    plain = AutoModelForCausalLM.from_pretrained(tiny_model_folder)
    request = replace(greedy(codec, most=6), alternatives=3)
    chunk = engine.submit(request).result(30)
    with torch.inference_mode():
        first = plain(torch.tensor([request.tokens])).logits[0, -1].softmax(-1)
    assert len(chunk.words) == chunk.new_tokens == 6
    assert "".join(word.text for word in chunk.words) == chunk.text
    assert chunk.words[0].probability == pytest.approx(float(first.max()), abs=1e-4)
    assert [share for _, share in chunk.words[0].others] == pytest.approx(first.topk(4).values[1:].tolist(), abs=1e-4)
    assert all(len(word.others) == 3 and word.probability >= word.others[0][1] for word in chunk.words)
    assert engine.submit(greedy(codec, most=6)).result(30).words == ()


def test_a_passed_deadline_frees_the_place(loaded: LoadedModel, codec: ModelCodec) -> None:
    """Whether it runs or still waits: one sentence, and the next one is served."""
    live = LiveModel(loaded, codec, max_running=1)
    try:
        long = live.submit(replace(endless(codec, 1), deadline_s=0.2))
        waiting = live.submit(replace(greedy(codec), deadline_s=0.05))
        last = live.submit(greedy(codec, most=3))
        for one in (long, waiting):
            with pytest.raises(EngineError, match="longer than it was given"):
                one.result(30)
        assert last.result(30).new_tokens == 3
        with pytest.raises(InputError, match="deadline_s"):
            live.submit(replace(greedy(codec), deadline_s=-1.0))
    finally:
        live.close()
