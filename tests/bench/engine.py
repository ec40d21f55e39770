"""Measures the live model's promises: `python -m tests.bench.engine [--models starter 135M] [--only WORDS] [--quick]`.

Prints one Markdown table. Speeds are ratios of medians taken in turns within this run, since machines are shared and
noisy; on a GPU, absolute speeds come beside them. `--plot FILE` also draws how cost grows with the visitors.
"""

import argparse
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import psutil
import torch

from playground.engine.live import LiveModel
from playground.engine.lora import LoraRouter, Route
from playground.engine.packed import Branches, Pass, Places
from playground.errors import PlaygroundError
from playground.models.codec import codec_for
from playground.models.loader import load_model
from playground.protocol import BASE, Receipt, ScoreRequest
from tests.bench.subjects import MAKERS, SAMPLED, Subject, prompts, request
from tests.tiny import make_adapter, make_llama

VISITORS = 16
PROMPT = 64
Row = tuple[str, str, str]
"""What was measured, what was seen, and what was promised."""


def main() -> None:
    arguments = _arguments()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in arguments.models:
            subject = MAKERS[name](root)
            for measure in (alone, together, mixed, newcomer, swaps, memory_of_mixing):
                if any(word in measure.__name__ for word in arguments.only):
                    rows += measure(subject, arguments.tokens, arguments.rounds)
                    print(*(" | ".join(row) for row in rows[-2:]), sep="\n", flush=True)
        subject = MAKERS["starter"](root)
        for check in (texts, drift, scores):
            if any(word in check.__name__ for word in arguments.only):
                rows += check(subject)
        if any(word in "storm" for word in arguments.only):
            rows += storm(root, arguments.storm)
        if arguments.plot:
            plot(MAKERS["starter"](root), arguments.plot, arguments.tokens)
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
    promised = "0.5×" if subject.name == "starter" else "0.65×"
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
        while any(stream._chunk.new_tokens == 0 for stream in streams):
            time.sleep(0.01)
        in_company = statistics.median(first_token(engine, asked[0]) for _ in range(3 * rounds))
        for stream in streams:
            stream.cancel()
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
        router = LoraRouter(loaded.model, loaded.device)
        began = time.perf_counter()
        router.put("new", folder, router.read(folder))
        with torch.inference_mode(), router.routed([Route("new", 1.0, 1)]):
            times.append(time.perf_counter() - began)
        router.close()
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
        size = sum(adapter.size_bytes for adapter in engine._router._resident.values())
        share = size / 2**30 / engine.status().memory_gib
    assert all(isinstance(receipt, Receipt) and receipt.base_unchanged for receipt in receipts)
    return [(f"{subject.name}: weights of 8 adapters of rank 16, against the base", f"{share:.2f}×", "-")]


def texts(subject: Subject) -> list[Row]:
    """Greedy answers of eight adapters in one batch against each alone, in fp32, NF4 and bf16."""
    rows: list[Row] = []
    for name in ("none", "4bit", "bf16"):
        quantization: Any = "none" if name == "bf16" else name
        with running(subject, quantization) as engine:
            if name == "bf16":
                engine._loop.between_steps(lambda engine=engine: engine._loaded.model.to(torch.bfloat16) is not None)
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
            (f"starter, {told}: 8 adapters mixed against each alone", seen, "same" if name == "none" else "2 units")
        )
    return rows


def drift(subject: Subject) -> list[Row]:
    """The base's logits after two hundred loads and unloads."""
    rows: list[Row] = []
    for name in ("NF4", "bf16"):
        with running(subject, "4bit" if name == "NF4" else "none") as engine:
            model = engine._loaded.model
            if name == "bf16":
                engine._loop.between_steps(lambda model=model: model.to(torch.bfloat16) is not None)
                engine._canary._reference = engine._loop.between_steps(
                    lambda engine=engine: engine._canary._logits(BASE)
                )
            before = logits(engine)
            for swap in range(200):
                receipt = engine.load_adapter("a", subject.adapters[swap % 8])
                assert receipt.base_unchanged and receipt.largest_change > 0
                engine.unload_adapter("a")
            same = torch.equal(before, logits(engine))
        rows.append(
            (f"starter, {name}: base logits after 200 loads and unloads", "the same bits" if same else "DIFFER", "same")
        )
    return rows


def scores(subject: Subject) -> list[Row]:
    """Log-probabilities against a plain forward pass in fp32, while others stream."""
    import asyncio

    plain = subject.plain(quantized=False)
    asked = prompts(subject.vocabulary, 4, 40)
    rows = prompts(subject.vocabulary, 12, 9)
    worst = 0.0
    with running(subject, "none") as engine:
        streams = [engine.submit(request(one, 200, seed=1, **SAMPLED)) for one in asked]
        found = asyncio.run(engine.score(ScoreRequest(tuple(asked[0]), tuple(tuple(row) for row in rows))))
        for stream in streams:
            stream.cancel()
    for row, score in zip(rows, found, strict=True):
        with torch.inference_mode():
            table = plain(torch.tensor([asked[0] + row], device=plain.device)).logits[0].float().log_softmax(-1)
        wanted = [float(table[len(asked[0]) - 1 + place, token]) for place, token in enumerate(row)]
        worst = max(worst, *(abs(a - b) for a, b in zip(wanted, score.logprobs, strict=True)))
    return [("starter, fp32: scores against a plain forward pass", f"{worst:.1e} apart at most", "1e-3")]


def storm(root: Path, count: int) -> list[Row]:
    """Random requests that join, are cancelled, and use adapters that come and go; every answer is checked."""
    base = make_llama(root / "storm")
    adapters = [make_adapter(base, root / f"storm-{seed}", seed, ("q_proj", "down_proj")) for seed in range(4)]
    loaded = load_model(str(base), "none")
    codec = codec_for(loaded)
    engine = LiveModel(loaded, codec, max_waiting=10_000)
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
    lost = crossed = cancelled = swapped = 0
    memory = 0
    for begun in range(0, count, 100):
        running_now = []
        for _ in range(100):
            place, key = draw.randrange(len(asked)), draw.choice(keys)
            try:
                running_now.append((place, key, engine.submit(request(asked[place], 6, key))))
            except PlaygroundError:  # its adapter is just leaving
                continue
            if draw.random() < 0.2:
                running_now[-1][2].cancel()
        if begun % (count // 50) < 100:
            key = draw.choice(keys[1:])
            engine.unload_adapter(key)
            engine.load_adapter(key, adapters[int(key[1:])])
            swapped += 1
        for place, key, generation in running_now:
            chunk = generation.result(120)
            if chunk.finished == "cancelled":
                cancelled += 1
                crossed += not wanted[place, key].startswith(chunk.text)
            elif chunk.finished is None:
                lost += 1
            else:
                crossed += chunk.text != wanted[place, key]
        if begun == count // 10 // 100 * 100:
            memory = psutil.Process().memory_info().rss
    growth = psutil.Process().memory_info().rss / memory - 1 if memory else 0.0
    status = engine.status()
    engine.close()
    assert status.running == 0 and status.queue == 0
    seen = f"{lost} lost, {crossed} crossed ({cancelled} cancelled, {swapped} swaps), memory {growth:+.1%}"
    return [(f"{count:,} requests with random joins, cancels and swaps", seen, "0, 0, under 5%")]


def plot(subject: Subject, file: Path, tokens: int) -> None:
    """How the speed of all together, and of each, changes from 1 to 64 visitors."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    counts = [1, 2, 4, 8, 16, 32, 64]
    asked = prompts(subject.vocabulary, max(counts), PROMPT)
    lines: dict[str, list[float]] = {"base": [], "4 adapters": []}
    with running(subject, max_running=64) as engine:
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


@contextmanager
def running(subject: Subject, quantization: Any = "4bit", **bounds: Any) -> Iterator[LiveModel]:
    engine = subject.engine(quantization, **bounds)
    try:
        yield engine
    finally:
        engine.close()


def answer(engine: LiveModel, asked: Sequence[Any]) -> float:
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
    """`theirs` and `ours` are seconds for the same work."""
    absolute = f" ({tokens / ours:.0f} and {tokens / theirs:.0f} tokens/s)" if tokens else ""
    return title, f"{theirs / ours:.2f}×{absolute}", promised


def first_token(engine: LiveModel, prompt: list[int], adapter: str = BASE) -> float:
    began = time.perf_counter()
    engine.submit(request(prompt, 1, adapter)).result(60)
    return time.perf_counter() - began


def tokens_of(engine: LiveModel, asked: Sequence[Any]) -> list[list[int]]:
    """The ids that were generated, read off the works themselves."""
    seen: list[Any] = []
    join = engine._loop._batch.join

    def note(work: Any) -> None:
        seen.append(work)
        join(work)

    engine._loop._batch.join = note  # type: ignore[method-assign]
    for generation in [engine.submit(one) for one in asked]:
        generation.result(120)
    engine._loop._batch.join = join  # type: ignore[method-assign]
    by_request = {id(work.request): work._tokens[len(work.request.tokens) :] for work in seen}
    return [by_request[id(one)] for one in asked]


def gap_at(engine: LiveModel, asked: Any, one: list[int], other: list[int]) -> float:
    """Where two answers part, how far the two best logits lie apart, in units in the last place of the best."""
    place = next(index for index, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)
    tokens = [*asked.tokens, *one[:place]]
    model = engine._loaded.model

    def look() -> torch.Tensor:
        with engine._router.routed([Route(asked.adapter, 1.0, len(tokens))]):
            return Pass(Places(), branches=[Branches(0, 0, [tokens])]).run(model)[2][0][0, -1]

    best, second = engine._loop.between_steps(look).topk(2).values
    unit = torch.nextafter(best.abs(), torch.full_like(best, float("inf"))) - best.abs()
    return float((best - second) / unit)


def logits(engine: LiveModel) -> torch.Tensor:
    prompt = list(range(20, 40))

    def look() -> torch.Tensor:
        return Pass(Places(), branches=[Branches(0, 0, [prompt])]).run(engine._loaded.model)[2][0].clone()

    return engine._loop.between_steps(look)


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
