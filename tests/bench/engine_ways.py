"""Compares ways of batching and of routing adapters: `python -m tests.bench.engine_ways [--models tiny 135M]`.

All run in turns on the same weights in NF4, sixteen requests at once; figures are shares of the first way's speed.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "6000")  # as the app does
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from peft import PeftModel
from transformers import GenerationConfig

from playground.adapters.lora_load import LoraWeights
from playground.engine.layers.linear import MergedLinear
from playground.engine.lora_stack import LoraSegment, LoraStack
from playground.protocol.messages import BASE
from tests.bench.engine import PROMPT, answer, generate, machine
from tests.bench.subjects import MAKERS, SAMPLED, VISITORS, Subject, prompts, request, running


class Grouped(LoraStack):
    """The other way: each adapter's tokens by themselves, one adapter after the other."""

    _groups: Mapping[int, Sequence[tuple[LoraWeights, float, torch.Tensor]]] = {}
    """By the number of tokens."""

    def select(
        self,
        segments: Sequence[LoraSegment],
        kept: Sequence[LoraSegment],
        used: set[str],
        adapters: Mapping[str, LoraWeights],
    ) -> None:
        super().select(segments, kept, used, adapters)
        self._groups = dict(_grouped(some, adapters) for some in (kept, segments))
        for layer, _ in self._kernels:
            layer.add_lora = partial(self._add_grouped, layer)

    def _add_grouped(self, layer: MergedLinear, states: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        first = 0
        for name, rows_out in zip(layer.modules, layer.out_features, strict=True):
            for adapter, strength, rows in self._groups[len(states)]:
                if pair := adapter.layers.get(name):
                    change = states[rows].float() @ pair.A.T @ pair.B.T * (pair.scaling * strength)
                    out[:, first : first + rows_out].index_add_(0, rows, change.to(out.dtype))
            first += rows_out
        return out


def _grouped(
    segments: Sequence[LoraSegment], adapters: Mapping[str, LoraWeights]
) -> tuple[int, list[tuple[LoraWeights, float, torch.Tensor]]]:
    rows: dict[tuple[str, float], list[int]] = {}
    first = 0
    for segment in segments:
        if not segment.is_base:
            own = range(first, first + segment.num_tokens)
            rows.setdefault((segment.adapter, segment.strength), []).extend(own)
        first += segment.num_tokens
    return first, [(adapters[key], strength, torch.tensor(at)) for (key, strength), at in rows.items()]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.engine_ways", description=__doc__)
    parser.add_argument("--models", nargs="+", choices=tuple(MAKERS), default=list(MAKERS))
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.models:
            subject = MAKERS[name](Path(folder))
            for title, ways in (("batching", batching), ("routing", routing)):
                print(f"\n{name}, {title}, {VISITORS} requests, sampling; {machine()}\n\n| way | speed |\n|---|---|")
                for way, speed in ways(subject, arguments.tokens, arguments.rounds).items():
                    print(f"| {way} | {speed} |", flush=True)


def batching(subject: Subject, tokens: int, rounds: int) -> dict[str, str]:
    asked = prompts(subject.vocabulary, VISITORS, PROMPT)
    plain, continuous = subject.plain(), subject.plain()
    options = GenerationConfig(max_new_tokens=tokens, do_sample=True, eos_token_id=-1, pad_token_id=0, **SAMPLED)

    def by_transformers() -> float:
        began = time.perf_counter()
        continuous.generate_batch(asked, generation_config=options, progress_bar=False)
        return time.perf_counter() - began

    with running(subject) as engine:
        ways: dict[str, Callable[[], float]] = {
            "ours: variable-length pass, a slot for each request": lambda: answer(
                engine, [request(one, tokens, seed=seed, **SAMPLED) for seed, one in enumerate(asked)]
            ),
            "one static batch (`generate`)": lambda: generate(plain, asked, tokens, do_sample=True, **SAMPLED),
            "continuous batching (`generate_batch`)": by_transformers,
        }
        return shares(ways, rounds)


def routing(subject: Subject, tokens: int, rounds: int) -> dict[str, str]:
    asked = prompts(subject.vocabulary, VISITORS, PROMPT)
    names = [f"a{place % 4}" for place in range(VISITORS)]
    mixed = PeftModel.from_pretrained(subject.plain(), str(subject.adapters[0]), adapter_name="a0")
    for place in (1, 2, 3):
        mixed.load_adapter(str(subject.adapters[place]), adapter_name=f"a{place}")
    mixed.eval()

    def visitors(adapters: Sequence[str]) -> list[Any]:
        return [
            request(one, tokens, key, seed, **SAMPLED)
            for seed, (one, key) in enumerate(zip(asked, adapters, strict=True))
        ]

    with running(subject) as ours, running(subject) as grouped:
        grouped._lora._stack.__class__ = Grouped
        for engine in (ours, grouped):
            for place in range(4):
                engine.load_adapter(f"a{place}", subject.adapters[place])
        return shares(
            {
                "the base alone": lambda: answer(ours, visitors([BASE] * VISITORS)),
                "ours: 4 adapters in one stack": lambda: answer(ours, visitors(names)),
                "4 adapters, tokens grouped by adapter": lambda: answer(grouped, visitors(names)),
                "4 adapters, PEFT's mixed batch in `generate`": lambda: generate(
                    mixed, asked, tokens, do_sample=True, adapter_names=names, **SAMPLED
                ),
            },
            rounds,
        )


def shares(ways: dict[str, Callable[[], float]], rounds: int) -> dict[str, str]:
    """Each way's speed as a share of the first one's; what cannot run says why."""
    seen: dict[str, list[float]] = {way: [] for way in ways}
    failed: dict[str, str] = {}
    for turn in range(rounds + 1):
        for way, measure in ways.items():
            if way in failed:
                continue
            try:
                seconds = measure()
            except Exception as error:  # a way that does not exist here is a finding, not a fault of the benchmark
                failed[way] = f"does not run: {str(error).splitlines()[0][:120]}"
                continue
            if turn:
                seen[way].append(seconds)
    first = statistics.median(next(iter(seen.values())))
    return {way: failed.get(way) or f"{first / statistics.median(seen[way]):.2f}×" for way in ways}


if __name__ == "__main__":
    main()
