"""The rows of the table: what is asked of both sides, by turns, and what is told of it."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

from playground.engine.llm_engine import LLMEngine
from playground.models.loader import load_tokenizer
from playground.protocol.messages import BASE
from tests.bench import older_cpu
from tests.bench.llama_cpp.answered import Answered
from tests.bench.llama_cpp.ours import ask_app, ask_engine
from tests.bench.llama_cpp.theirs import LlamaCpp
from tests.bench.subjects import VISITORS, Subject, make_adapters, running
from tests.support.running_app import ROOT, RunningApp, running_app

ADAPTERS = 4
PROMPT_TOKENS = 900
QUESTIONS = tuple(
    f"{ask} {about}."
    for ask in ("Tell a long story about", "Explain in detail to a child", "Write a long letter about", "Describe")
    for about in ("a lighthouse in winter", "how bread is made", "the sea", "a train through the mountains")
)


def questions(count: int, turn: int) -> list[str]:
    """Others in each turn, so that none is known from the turn before."""
    return [QUESTIONS[(turn + place) % len(QUESTIONS)] for place in range(count)]


Figure = tuple[str, str, str, str]
"""What was measured, ours, llama.cpp's, and ours as a share of it."""
Side = Callable[[int], Answered]
"""Answers what it is asked in this turn."""


@dataclass(frozen=True)
class Bench:
    folder: Path
    """Of the model."""
    scratch: Path
    theirs: LlamaCpp
    num_tokens: int
    rounds: int
    stack: ExitStack
    """Closes what was started on the way."""

    @cached_property
    def engine(self) -> LLMEngine:
        return self.stack.enter_context(running(Subject(self.folder.name, self.folder, []), "auto"))

    @cached_property
    def tokenizer(self) -> Any:
        return load_tokenizer(self.folder)

    def chats(self, count: int, turn: int = 0) -> list[list[int]]:
        """So many questions, as the model is asked them."""
        return [
            self.tokenizer.apply_chat_template(
                [{"role": "user", "content": question}], add_generation_prompt=True, return_dict=False
            )
            for question in questions(count, turn)
        ]

    def passage(self, turn: int) -> list[int]:
        """A text of `PROMPT_TOKENS` tokens with another beginning in each turn."""
        text = (ROOT / "assets" / "examples" / "pirate_talk.csv").read_text(encoding="utf-8")
        tokens: list[int] = self.tokenizer(text, add_special_tokens=False).input_ids
        return tokens[50 * turn : 50 * turn + PROMPT_TOKENS]

    def in_turns(self, *sides: Side) -> list[list[Answered]]:
        """What each side did, by turns, after one that does not count."""
        seen = [[side(turn) for side in sides] for turn in range(self.rounds + 1)]
        return [list(one) for one in zip(*seen[1:], strict=True)]

    def ours(self, prompts: Sequence[Sequence[int]], adapters: Sequence[str] = (BASE,)) -> Answered:
        return ask_engine(self.engine, prompts, self.num_tokens, adapters)


def one(bench: Bench) -> Iterator[Figure]:
    ours, theirs = bench.in_turns(
        lambda turn: bench.ours(bench.chats(1, turn)),
        lambda turn: bench.theirs.answer(bench.chats(1, turn), bench.num_tokens),
    )
    yield speed(f"one visitor: a question and {bench.num_tokens} tokens", ours, theirs, whole)
    yield step("a step for one", ours, theirs, 1)


def sixteen(bench: Bench) -> Iterator[Figure]:
    ours, theirs = bench.in_turns(
        lambda turn: bench.ours(bench.chats(VISITORS, turn)),
        lambda turn: bench.theirs.answer(bench.chats(VISITORS, turn), bench.num_tokens),
    )
    yield speed(f"{VISITORS} visitors, while all write", ours, theirs, steady)
    yield step(f"a step for {VISITORS}", ours, theirs, VISITORS)


def prompt(bench: Bench) -> Iterator[Figure]:
    ours, theirs = bench.in_turns(
        lambda turn: ask_engine(bench.engine, [bench.passage(turn)], 1),
        lambda turn: bench.theirs.answer([bench.passage(turn)], 1),
    )
    yield speed(f"reading a prompt of {PROMPT_TOKENS} tokens", ours, theirs, lambda one: PROMPT_TOKENS / one.total_s)


def adapters(bench: Bench) -> Iterator[Figure]:
    """Against ourselves on the base: llama.cpp cannot give each sequence of a batch its own adapter."""
    names = [f"a{place}" for place in range(ADAPTERS)]
    for name, folder in zip(names, make_adapters(bench.folder, bench.scratch, ADAPTERS), strict=True):
        bench.engine.load_adapter(name, folder)

    def on(*used: str) -> Side:
        return lambda turn: bench.ours(bench.chats(VISITORS, turn), used)

    base, mixed, same = bench.in_turns(on(BASE), on(*names), on(names[0]))
    for title, seen in ((f"{VISITORS} over {ADAPTERS} adapters", mixed), (f"{VISITORS} on 1 adapter", same)):
        share = median(map(steady, seen)) / median(map(steady, base))
        yield f"{title}, against the base", told(seen, steady), f"(ours: {told(base, steady)})", f"{share:.2f}×"


def app(bench: Bench) -> Iterator[Figure]:
    """Through the page's own API; its system words come before each question, and an answer may end early."""
    if older_cpu.RESTRICTED:
        return  # it runs in a process of its own, which would ask the CPU itself
    data = bench.scratch / "data"
    data.mkdir()
    with running_app(data, PLAYGROUND_MODEL=str(bench.folder)) as running:
        for count, figure in ((1, whole), (VISITORS, steady)):

            def through_page(turn: int, count: int = count) -> Answered:
                return ask_app(running.url, bench.tokenizer, questions(count, turn), bench.num_tokens)

            def by_llama_cpp(turn: int, count: int = count) -> Answered:
                return bench.theirs.answer(bench.chats(count, turn), bench.num_tokens)

            ours, theirs = bench.in_turns(through_page, by_llama_cpp)
            yield speed(f"{count} at once through the page's API", ours, theirs, figure)
        yield "start to a ready page", f"{running.ready_s:.1f} s", "", ""
        yield "memory of the app, and at its most", memory(running), "", ""


def memory(running: RunningApp) -> str:
    """Resident, as the kernel counts it."""
    status = Path(f"/proc/{running.process.pid}/status").read_text(encoding="utf-8")
    now, most = (int(re.findall(rf"{name}:\s+(\d+) kB", status)[0]) / 2**20 for name in ("VmRSS", "VmHWM"))
    return f"{now:.2f} and {most:.2f} GiB"


def whole(one: Answered) -> float:
    return one.tokens_per_s


def steady(one: Answered) -> float:
    return one.steady_tokens_per_s


def speed(title: str, ours: list[Answered], theirs: list[Answered], of: Callable[[Answered], float]) -> Figure:
    ratio = median(map(of, ours)) / median(map(of, theirs))
    return title, told(ours, of), told(theirs, of), f"{ratio:.2f}×"


def step(title: str, ours: list[Answered], theirs: list[Answered], count: int) -> Figure:
    """The same as the speed of writing, as one sees it in a profile."""
    mine, other = (1e3 * count / median(map(steady, seen)) for seen in (ours, theirs))
    return title, f"{mine:.0f} ms", f"{other:.0f} ms", f"{mine / other:.2f}×"


def told(seen: list[Answered], of: Callable[[Answered], float]) -> str:
    return f"{median(map(of, seen)):.1f} tokens/s"


MEASURES: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    measure.__name__: measure for measure in (one, sixteen, prompt, adapters, app)
}
