"""Measures the live model's promises: `python -m tests.bench.engine [--models tiny 135M] [--only WORDS]`.

Prints one Markdown table. Speeds are ratios of medians taken in turns within this run, since machines are shared and
noisy; on a GPU, absolute speeds come beside them. `--plot FILE` also draws how cost grows with the visitors.
"""

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "6000")  # as the app does
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch

from playground.engine.llm_engine import LLMEngine
from playground.engine.lora import MultiLora
from playground.engine.lora_stack import LoraSegment
from playground.models.loader import load_model
from playground.protocol.engine import SwapReceipt
from playground.protocol.messages import BASE
from playground.settings import Quantization
from tests.bench.engine_checks import drift, scores, storm, texts
from tests.bench.subjects import MAKERS, SAMPLED, VISITORS, Row, Subject, plain_dtype, prompts, request, running

PROMPT = 64


def main() -> None:
    arguments = _arguments()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in arguments.models:
            subject = MAKERS[name](root)
            for measure in (alone, together, mixed, newcomer, swaps, memory_of_mixing, absolute):
                if any(word in measure.__name__ for word in arguments.only):
                    rows += measure(subject, arguments.tokens, arguments.rounds)
                    print(*(" | ".join(row) for row in rows[-2:]), sep="\n", flush=True)
        subject = MAKERS["tiny"](root)
        for check in (texts, drift, scores):
            if any(word in check.__name__ for word in arguments.only):
                rows += check(subject)
        if any(word in "storm" for word in arguments.only):
            rows += storm(root, arguments.storm)
        if arguments.plot:
            plot(MAKERS["tiny"](root), arguments.plot, arguments.tokens)
    print("\n".join(["", "| figure | seen | promised |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]))
    print(f"\n{machine()}")


def machine() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{torch.get_num_threads()} CPU threads ({torch.backends.cpu.get_cpu_capability()}), no GPU."


def alone(subject: Subject, tokens: int, rounds: int) -> list[Row]:
    """One visitor against bare `model.generate`, both greedy."""
    plain, prompt = subject.plain(), prompts(subject.vocabulary, 1, PROMPT)
    with running(subject) as engine:
        ours, theirs = in_turns(
            rounds, lambda: answer(engine, [request(prompt[0], tokens)]), lambda: generate(plain, prompt, tokens)
        )
    return [speed_row(f"{subject.name}: one visitor against `generate`", theirs, ours, tokens, "1.0×")]


def together(subject: Subject, tokens: int, rounds: int) -> list[Row]:
    """Sixteen visitors with sampling against one static `generate` batch of sixteen."""
    plain, asked = subject.plain(), prompts(subject.vocabulary, VISITORS, PROMPT)
    with running(subject) as engine:
        ours, theirs = in_turns(
            rounds,
            lambda: answer(engine, [request(one, tokens, seed=seed, **SAMPLED) for seed, one in enumerate(asked)]),
            lambda: generate(plain, asked, tokens, do_sample=True, **SAMPLED),
        )
    title = f"{subject.name}: {VISITORS} visitors with sampling against a static batch"
    return [speed_row(title, theirs, ours, VISITORS * tokens, "1.2×")]


def mixed(subject: Subject, tokens: int, rounds: int) -> list[Row]:
    """Sixteen visitors over four adapters, and over one, against sixteen on the base."""
    asked = prompts(subject.vocabulary, VISITORS, PROMPT)

    def visitors(adapters: Sequence[str]) -> list[Any]:
        return [
            request(one, tokens, adapters[place % len(adapters)], place, **SAMPLED) for place, one in enumerate(asked)
        ]

    with running(subject) as engine:
        for place, folder in enumerate(subject.adapters[:4]):
            engine.load_adapter(f"a{place}", folder)
        base, four, one = in_turns(
            rounds,
            lambda: answer(engine, visitors([BASE])),
            lambda: answer(engine, visitors(["a0", "a1", "a2", "a3"])),
            lambda: answer(engine, visitors(["a0"])),
        )
    promised = "0.5×" if subject.name == "tiny" else "0.65×"
    return [
        speed_row(f"{subject.name}: {VISITORS} visitors over 4 adapters against the base", base, four, 0, promised),
        speed_row(f"{subject.name}: {VISITORS} visitors on 1 adapter against the base", base, one, 0, "-"),
    ]


def newcomer(subject: Subject, tokens: int, rounds: int) -> list[Row]:
    """The first token of one who comes while fifteen stream, against one who is alone."""
    asked = prompts(subject.vocabulary, VISITORS, PROMPT)
    with running(subject) as engine:
        by_oneself = statistics.median(first_token(engine, asked[0]) for _ in range(3 * rounds))
        streams = [engine.submit(request(one, 400, seed=seed, **SAMPLED)) for seed, one in enumerate(asked[1:])]
        wait_until(lambda: engine.status().running == VISITORS - 1)
        while any(stream._output.num_tokens == 0 for stream in streams):
            time.sleep(0.01)
        in_company = statistics.median(first_token(engine, asked[0]) for _ in range(3 * rounds))
        for stream in streams:
            stream.abort()
    seen = f"{in_company / by_oneself:.1f}× ({by_oneself * 1e3:.0f} and {in_company * 1e3:.0f} ms)"
    return [(f"{subject.name}: first token while 15 stream, against alone", seen, "at most 3×")]


def swaps(subject: Subject, tokens: int, rounds: int) -> list[Row]:
    """A resident adapter answers as soon as the base; one on disk is read and laid beside the others."""
    prompt = prompts(subject.vocabulary, 1, PROMPT)[0]
    with running(subject) as engine:
        for place, folder in enumerate(subject.adapters[:2]):
            engine.load_adapter(f"a{place}", folder)
        first_token(engine, prompt, "a0")
        names = ["a1", "a0"] * (2 * rounds)
        changed = statistics.median(first_token(engine, prompt, name) for name in names)
        base = statistics.median(first_token(engine, prompt) for _ in names)
    loaded = load_model(str(subject.folder), "4bit")
    times = []
    for folder in subject.adapters[2:]:
        lora = MultiLora(loaded.model, loaded.device)
        began = time.perf_counter()
        lora.add("new", folder, lora.read(folder))
        with torch.inference_mode(), lora.applied([LoraSegment("new", 1.0, 1)]):
            times.append(time.perf_counter() - began)
    return [
        (
            f"{subject.name}: first token after a change of resident adapter, against the base",
            f"{changed / base:.2f}×",
            "next step",
        ),
        (f"{subject.name}: an adapter from disk", f"{statistics.median(times) * 1e3:.0f} ms", "100 ms"),
    ]


def memory_of_mixing(subject: Subject, tokens: int, rounds: int) -> list[Row]:
    """What eight adapters take beside the model."""
    with running(subject) as engine:
        receipts = [engine.load_adapter(f"a{place}", folder) for place, folder in enumerate(subject.adapters)]
        size = sum(adapter.size_bytes for adapter in engine._lora._resident.values())
        share = size / 2**30 / engine._loaded.info.memory_gib
    assert all(isinstance(receipt, SwapReceipt) and receipt.base_unchanged for receipt in receipts)
    return [(f"{subject.name}: weights of 8 adapters of rank 16, against the base", f"{share:.2f}×", "-")]


def absolute(subject: Subject, tokens: int, rounds: int) -> list[Row]:
    """On a GPU: 1, 8 and 32 visitors in NF4 and bf16, in tokens per second, against `generate`."""
    return _at_once(subject, tokens, rounds, (1, 8, 32)) if torch.cuda.is_available() else []


def _at_once(subject: Subject, tokens: int, rounds: int, counts: Sequence[int]) -> list[Row]:
    rows: list[Row] = []
    ways: tuple[tuple[str, Quantization], ...] = (("NF4", "4bit"), (str(plain_dtype()).removeprefix("torch."), "none"))
    for told, quantization in ways:
        plain = subject.plain(quantized=quantization == "4bit")
        with running(subject, quantization, max_num_seqs=max(counts)) as engine:
            for count in counts:
                asked = prompts(subject.vocabulary, count, PROMPT)
                ours, theirs = in_turns(
                    rounds,
                    partial(answer, engine, [request(one, tokens) for one in asked]),
                    partial(generate, plain, asked, tokens),
                )
                title = f"{subject.name}, {told}: {count} at once against `generate`"
                rows.append(speed_row(title, theirs, ours, count * tokens, "-"))
    return rows


def plot(subject: Subject, file: Path, tokens: int) -> None:
    """How the speed of all together, and of each, changes from 1 to 64 visitors."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    counts = [1, 2, 4, 8, 16, 32, 64]
    asked = prompts(subject.vocabulary, max(counts), PROMPT)
    lines: dict[str, list[float]] = {"base": [], "4 adapters": []}
    with running(subject, max_num_seqs=64) as engine:
        for place, folder in enumerate(subject.adapters[:4]):
            engine.load_adapter(f"a{place}", folder)
        for count in counts:
            for name, keys in (("base", [BASE]), ("4 adapters", ["a0", "a1", "a2", "a3"])):
                batch = [
                    request(one, tokens, keys[place % len(keys)], place, **SAMPLED)
                    for place, one in enumerate(asked[:count])
                ]
                lines[name].append(count * tokens / statistics.median(answer(engine, batch) for _ in range(3)))
    figure, axes = pyplot.subplots(figsize=(7, 4))
    for name, speeds in lines.items():
        axes.plot(counts, speeds, marker="o", label=f"all together, {name}")
    axes.plot(
        counts, [speed / count for speed, count in zip(lines["base"], counts, strict=True)], "--", label="each, base"
    )
    axes.set(
        xscale="log", yscale="log", xlabel="visitors", ylabel="tokens per second", xticks=counts, xticklabels=counts
    )
    axes.legend()
    axes.set_title(f"{subject.name}, NF4, {machine()}")
    figure.savefig(file, dpi=150, bbox_inches="tight")


def answer(engine: LLMEngine, asked: Sequence[Any]) -> float:
    """Seconds until all are answered."""
    began = time.perf_counter()
    for generation in [engine.submit(one) for one in asked]:
        generation.result(600)
    return time.perf_counter() - began


def generate(model: Any, asked: list[list[int]], tokens: int, **sampling: Any) -> float:
    ids = torch.tensor(asked, device=model.device)
    began = time.perf_counter()
    with torch.inference_mode():
        options = sampling or {"do_sample": False}
        model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, **options)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def in_turns(rounds: int, *measures: Callable[[], float]) -> list[float]:
    """The median of each, taken in turns after one round that does not count."""
    seen: list[list[float]] = [[] for _ in measures]
    for turn in range(rounds + 1):
        for place, measure in enumerate(measures):
            seconds = measure()
            if turn:
                seen[place].append(seconds)
    return [statistics.median(one) for one in seen]


def speed_row(title: str, theirs: float, ours: float, tokens: int, promised: str) -> Row:
    """`theirs` and `ours` are seconds for the same seq."""
    absolute = f" ({tokens / ours:.0f} and {tokens / theirs:.0f} tokens/s)" if tokens else ""
    return title, f"{theirs / ours:.2f}×{absolute}", promised


def first_token(engine: LLMEngine, prompt: list[int], adapter: str = BASE) -> float:
    began = time.perf_counter()
    engine.submit(request(prompt, 1, adapter)).result(60)
    return time.perf_counter() - began


def wait_until(condition: Callable[[], bool]) -> None:
    event = threading.Event()
    while not condition():
        event.wait(0.01)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.engine", description=__doc__)
    parser.add_argument("--models", nargs="+", choices=tuple(MAKERS), default=list(MAKERS))
    parser.add_argument("--only", nargs="+", default=[""], help="words in the names of the measures to run")
    parser.add_argument("--tokens", type=int, default=48, help="new tokens of each answer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--storm", type=int, default=10_000, help="requests of the last check")
    parser.add_argument("--plot", type=Path, help="where to draw how cost grows with the visitors")
    return parser.parse_args()


if __name__ == "__main__":
    main()
