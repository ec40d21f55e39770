"""What must be exact in the live model, whatever is asked at the same time; part of `python -m tests.bench.engine`."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch

from playground.engine.forward_batch import ForwardBatch, ScoringRows
from playground.engine.kv_cache import KVCache
from playground.engine.llm_engine import LLMEngine
from playground.engine.lora_stack import LoraSegment
from playground.engine.output_collector import RequestOutputCollector
from playground.errors import PlaygroundError
from playground.models.loader import load_model
from playground.protocol.messages import BASE
from playground.protocol.requests import LogprobsRequest, RequestOutput
from tests.bench.subjects import SAMPLED, VISITORS, Row, Subject, prompts, request, running
from tests.support.tiny import make_adapter, make_llama


@dataclass
class StormCount:
    """How many answers of a storm never ended, are not their own, or were aborted, and how many adapters swapped."""

    lost: int = 0
    crossed: int = 0
    aborted: int = 0
    swapped: int = 0

    def check(self, output: RequestOutput, wanted: str) -> None:
        """Count an answer; an aborted one must still be the beginning of the `wanted` one."""
        if output.finish_reason == "abort":
            self.aborted += 1
            self.crossed += not wanted.startswith(output.text)
        elif output.finish_reason is None:
            self.lost += 1
        else:
            self.crossed += output.text != wanted


def texts(subject: Subject) -> list[Row]:
    """Greedy answers of eight adapters in one batch against each alone, in fp32, NF4 and bf16."""
    rows: list[Row] = []
    for name in ("none", "4bit", "bf16"):
        quantization: Any = "none" if name == "bf16" else name
        with running(subject, quantization, in_bf16=name == "bf16") as engine:
            for place, folder in enumerate(subject.adapters):
                engine.load_adapter(f"a{place}", folder)
            asked = [
                request(prompt, 64, f"a{place % 8}")
                for place, prompt in enumerate(prompts(subject.vocabulary, VISITORS, 24))
            ]
            alone_ids = [tokens_of(engine, [one])[0] for one in asked]
            mixed_ids = tokens_of(engine, asked)
            gaps = [gap_at(engine, one, a, b) for one, a, b in zip(asked, alone_ids, mixed_ids, strict=True) if a != b]
        told = "fp32" if name == "none" else {"4bit": "NF4", "bf16": "bf16"}[name]
        seen = f"{VISITORS - len(gaps)} of {VISITORS} the same"
        if gaps:
            seen += (
                f"; where others begin, the two best logits are {max(gaps):.1f} units in the last place apart at most"
            )
        rows.append(
            (f"tiny, {told}: 8 adapters mixed against each alone", seen, "same" if name == "none" else "2 units")
        )
    return rows


def drift(subject: Subject) -> list[Row]:
    """The base's logits after two hundred loads and unloads."""
    rows: list[Row] = []
    for name in ("NF4", "bf16"):
        with running(subject, "4bit" if name == "NF4" else "none", in_bf16=name == "bf16") as engine:
            before = logits(engine)
            for swap in range(200):
                receipt = engine.load_adapter("a", subject.adapters[swap % 8])
                assert receipt.base_unchanged and receipt.max_logit_change > 0
                engine.unload_adapter("a")
            same = torch.equal(before, logits(engine))
        rows.append(
            (f"tiny, {name}: base logits after 200 loads and unloads", "the same bits" if same else "DIFFER", "same")
        )
    return rows


def scores(subject: Subject) -> list[Row]:
    """Log-probabilities against a plain forward pass in fp32, while others stream."""
    plain = subject.plain(quantized=False)
    asked = prompts(subject.vocabulary, 4, 40)
    rows = prompts(subject.vocabulary, 12, 9)
    worst = 0.0
    with running(subject, "none") as engine:
        streams = [engine.submit(request(one, 200, seed=1, **SAMPLED)) for one in asked]
        found = asyncio.run(
            engine.compute_logprobs(LogprobsRequest(tuple(asked[0]), tuple(tuple(row) for row in rows)))
        )
        for stream in streams:
            stream.abort()
    for row, score in zip(rows, found, strict=True):
        with torch.inference_mode():
            table = plain(torch.tensor([asked[0] + row], device=plain.device)).logits[0].float().log_softmax(-1)
        wanted = [float(table[len(asked[0]) - 1 + place, token]) for place, token in enumerate(row)]
        worst = max(worst, *(abs(a - b) for a, b in zip(wanted, score.logprobs, strict=True)))
    return [("tiny, fp32: scores against a plain forward pass", f"{worst:.1e} apart at most", "1e-3")]


def storm(root: Path, count: int) -> list[Row]:
    """Random requests that join, are aborted, and use adapters that come and go; every answer is checked."""
    base = make_llama(root / "storm")
    adapters = [make_adapter(base, root / f"storm-{seed}", seed, ("q_proj", "down_proj")) for seed in range(4)]
    loaded = load_model(str(base), "none")
    engine = LLMEngine(loaded, max_queued_requests=10_000)
    draw = random.Random(1)
    asked = prompts(500, 24, 12)
    keys = [BASE, *(f"a{place}" for place in range(4))]
    for key, folder in zip(keys[1:], adapters, strict=True):
        engine.load_adapter(key, folder)
    wanted = {
        (place, key): engine.submit(request(prompt, 6, key)).result(60).text
        for place, prompt in enumerate(asked)
        for key in keys
    }
    seen = StormCount()
    memory = 0
    for begun in range(0, count, 100):
        joined = join_some(engine, asked, keys, draw)
        if begun % (count // 50) < 100:
            key = draw.choice(keys[1:])
            engine.unload_adapter(key)
            engine.load_adapter(key, adapters[int(key[1:])])
            seen.swapped += 1
        for place, key, generation in joined:
            if draw.random() < 0.2:
                draw.choice(joined)[2].abort()  # waiting, running or finished already
            seen.check(generation.result(120), wanted[place, key])
        if begun == count // 10 // 100 * 100:
            memory = psutil.Process().memory_info().rss
    growth = psutil.Process().memory_info().rss / memory - 1 if memory else 0.0
    seen.lost += never_freed(engine)
    engine.close()
    told = f"{seen.lost} lost, {seen.crossed} crossed ({seen.aborted} aborted, {seen.swapped} swaps)"
    promised = "0, 0, under 5%"
    return [(f"{count:,} requests with random joins, aborts and swaps", f"{told}, memory {growth:+.1%}", promised)]


def join_some(
    engine: LLMEngine, asked: Sequence[list[int]], keys: Sequence[str], draw: random.Random
) -> list[tuple[int, str, RequestOutputCollector]]:
    """Submit a hundred requests for prompts and adapters at random, and abort a tenth of them at once."""
    joined: list[tuple[int, str, RequestOutputCollector]] = []
    for _ in range(100):
        place, key = draw.randrange(len(asked)), draw.choice(keys)
        try:
            joined.append((place, key, engine.submit(request(asked[place], 6, key))))
        except PlaygroundError:  # its adapter is just leaving
            continue
        if draw.random() < 0.1:
            joined[-1][2].abort()
    return joined


def never_freed(engine: LLMEngine) -> int:
    """How many slots stay taken; the last one is freed a moment after its answer."""
    deadline = time.monotonic() + 10
    while (left := sum(engine._core.scheduler.num_requests())) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left


def tokens_of(engine: LLMEngine, asked: Sequence[Any]) -> list[list[int]]:
    """The ids that were generated, read off the sequences themselves."""
    seen: list[Any] = []
    join = engine._core.scheduler._start

    def note(seq: Any) -> None:
        seen.append(seq)
        join(seq)

    engine._core.scheduler._start = note  # type: ignore[method-assign]
    for generation in [engine.submit(one) for one in asked]:
        generation.result(120)
    engine._core.scheduler._start = join  # type: ignore[method-assign]
    by_request = {id(seq.request): seq._tokens[len(seq.request.prompt_token_ids) :] for seq in seen}
    return [by_request[id(one)] for one in asked]


def gap_at(engine: LLMEngine, asked: Any, one: list[int], other: list[int]) -> float:
    """Where two answers part, how far the two best logits lie apart, in units in the last place of the best."""
    place = next(index for index, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)
    tokens = [*asked.prompt_token_ids, *one[:place]]
    model = engine._loaded.model

    def look() -> torch.Tensor:
        with engine._lora.applied([LoraSegment(asked.adapter, 1.0, len(tokens))]):
            return ForwardBatch(KVCache(), scoring=[ScoringRows(0, 0, [tokens])]).run(model)[2][0][0, -1]

    best, second = engine._core.call_between_steps(look).topk(2).values
    unit = torch.nextafter(best.abs(), torch.full_like(best, float("inf"))) - best.abs()
    return float((best - second) / unit)


def logits(engine: LLMEngine) -> torch.Tensor:
    prompt = list(range(20, 40))

    def look() -> torch.Tensor:
        return ForwardBatch(KVCache(), scoring=[ScoringRows(0, 0, [prompt])]).run(engine._loaded.model)[2][0].clone()

    return engine._core.call_between_steps(look)
