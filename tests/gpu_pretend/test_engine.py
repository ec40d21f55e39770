"""The engine on a card that is none: it says what it says on the CPU, mixes no devices, and waits seldom."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from playground.adapters.lora_load import LoraWeights
from playground.engine.engine_core import EngineCore
from playground.engine.llm_engine import MAX_NUM_SEQS_ON_GPU, LLMEngine
from playground.engine.sampler import Sampler, sample_batch
from playground.engine.sched.scheduler import Finished
from playground.engine.sequence import TokenSequence
from playground.models.loader import load_model
from playground.models.tokenizer import ChatTokenizer
from playground.protocol.requests import GenerateRequest, LogprobsRequest
from playground.protocol.sampling import SamplingParams
from tests.gpu_pretend.card import CARD, Card, CardTensor, pretend, put_on_card
from tests.support.asking import PROMPT, greedy
from tests.support.tiny import make_adapter

GIB = 2**30
TOKENS = 20


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Card:
    """Entered wherever the engine computes."""
    card, run = Card(), EngineCore._run

    def run_on_card(core: EngineCore) -> None:
        with card:
            run(core)

    def read_on_card(read: Callable[[], LoraWeights]) -> LoraWeights:
        with card:
            return read()

    monkeypatch.setattr(EngineCore, "_run", run_on_card)
    monkeypatch.setattr("playground.engine.llm_engine.in_own_thread", read_on_card)
    pretend(monkeypatch, 8 * GIB)
    return card


@pytest.fixture
def live(card: Card, tiny_model_folder: Path) -> Iterator[LLMEngine]:
    loaded = load_model(str(tiny_model_folder), "none")
    put_on_card(loaded.model)
    assert loaded.device == CARD
    with card:
        live = LLMEngine(loaded)
    yield live
    live.close()


def asked(tokenizer: ChatTokenizer, **sampling: float) -> GenerateRequest:
    return GenerateRequest(tuple(tokenizer.encode(PROMPT)), SamplingParams(TOKENS, **sampling))  # type: ignore[arg-type]


def test_it_says_what_it_says_on_the_cpu(
    live: LLMEngine, card: Card, tokenizer: ChatTokenizer, tiny_model_folder: Path, tmp_path: Path
) -> None:
    """Base and adapter together, drawn in every way, and scores; and a receipt proves the swap."""
    adapter = make_adapter(tiny_model_folder, tmp_path / "adapter", r=8)
    ways: list[dict[str, float]] = [
        {"temperature": 0.0},
        {"top_k": 20, "seed": 1},
        {"top_p": 0.8, "top_k": 0, "seed": 2},
    ]
    rows = tuple(tuple(tokenizer.encode_continuation(" dog" * count)) for count in range(1, 5))
    scored = LogprobsRequest(tuple(tokenizer.encode(PROMPT)), rows)
    on_cpu = LLMEngine(load_model(str(tiny_model_folder), "none"))
    try:
        said = []
        for engine in (on_cpu, live):
            receipt = engine.load_adapter("a", adapter)
            assert receipt.base_unchanged
            assert receipt.max_logit_change > 0.1
            requests = [asked(tokenizer, **way) for way in ways]
            streams = [engine.submit(request) for request in [*requests, greedy(tokenizer, adapter="a")]]
            texts = [stream.result(60).text for stream in streams]
            said.append((texts, asyncio.run(engine.compute_logprobs(scored))))
    finally:
        on_cpu.close()
    (texts, scores), (texts_on_card, scores_on_card) = said
    assert texts == texts_on_card
    for one, other in zip(scores, scores_on_card, strict=True):  # in other passes, of other sizes
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)
        assert one.eos_logprobs == pytest.approx(other.eos_logprobs, abs=1e-4)
    assert card.seen["operations"] > 1000


def test_long_and_short_share_their_passes(live: LLMEngine, engine: LLMEngine, tokenizer: ChatTokenizer) -> None:
    """Slots grow, move and are looked at in steps while others come and go; each says what it says alone."""
    requests = [GenerateRequest((5, 6, 7) * count, SamplingParams(90, 0.0)) for count in (1, 30, 2, 60)]
    alone = [engine.submit(request).result(60).text for request in requests]
    streams = [live.submit(request) for request in requests]
    assert [stream.result(60).text for stream in streams] == alone


def test_it_is_sized_for_the_card(live: LLMEngine) -> None:
    scheduler = live._core.scheduler
    assert scheduler._max_num_seqs == MAX_NUM_SEQS_ON_GPU
    assert scheduler.max_prefill_tokens == 2048
    kept = live.status().kept_bytes
    assert 0 < kept < 8 * GIB, "told to trials and workers"


PER_TOKEN = {"waits": 1, "copies to the card": 3, "operations": 141}
"""For one request, of a model of two layers: may fall, not grow. A wait is the choice of the token."""
PER_TOKEN_OF_FOUR_TAUGHT = {"waits": 1, "copies to the card": 3, "operations": 162}
"""For four at once, two of them with an adapter."""


def test_what_a_token_costs(
    live: LLMEngine, card: Card, tokenizer: ChatTokenizer, tiny_model_folder: Path, tmp_path: Path
) -> None:
    live.load_adapter("a", make_adapter(tiny_model_folder, tmp_path / "adapter", r=8))
    one = per_token(live, card, [greedy(tokenizer, PROMPT, 60)])
    four = per_token(live, card, [greedy(tokenizer, PROMPT, 60, adapter=key) for key in ("base", "a", "base", "a")])
    for seen, most in ((one, PER_TOKEN), (four, PER_TOKEN_OF_FOUR_TAUGHT)):
        assert {name: seen[name] for name in most if seen[name] > most[name]} == {}


def per_token(live: LLMEngine, card: Card, requests: list[GenerateRequest]) -> Counter[str]:
    """What most steps cost while all of them decode."""
    core, steps, step = live._core, [], live._core.step

    def counted(only: TokenSequence | None = None) -> list[Finished]:
        before, running = card.seen.copy(), len(core.scheduler.running)
        finished = step(only)
        if running == len(requests):
            steps.append(frozenset((card.seen - before).items()))
        return finished

    core.step = counted  # type: ignore[method-assign]
    for stream in [live.submit(request) for request in requests]:
        stream.result(60)
    core.step = step  # type: ignore[method-assign]
    return Counter(dict(Counter(steps).most_common(1)[0][0]))


@pytest.mark.parametrize(
    ("way", "waits"),
    [
        ({"temperature": 0.0}, 1),
        ({"top_k": 40}, 1),
        ({"top_k": 0, "top_p": 0.9}, 1),
        ({"top_k": 40, "repetition_penalty": 1.2}, 1),
        ({"top_k": 0, "top_p": 1.0}, 1 + 8),
    ],
)
def test_a_step_waits_for_its_choice_once(way: dict[str, float], waits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is drawn, for eight at once; only whoever draws from all words is given all of them."""
    pretend(monkeypatch, GIB)
    card = Card()
    logits = CardTensor(4 * torch.randn(8, 3_000, generator=torch.Generator().manual_seed(0)))
    samplers = [Sampler(SamplingParams(8, seed=seed, **way), [1, 2, 3]) for seed in range(8)]  # type: ignore[arg-type]
    alike = [Sampler(SamplingParams(8, seed=seed, **way), [1, 2, 3]) for seed in range(8)]  # type: ignore[arg-type]
    with card:
        chosen = sample_batch(samplers, logits)
    assert chosen == sample_batch(alike, logits.numbers)
    assert card.seen["waits"] == waits
