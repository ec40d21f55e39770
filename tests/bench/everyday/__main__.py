"""Everyday questions to a real chat model: `python -m tests.bench.everyday FOLDER [--write FILE]`.

Asks as the page does, with the presets that it offers this model and with others, and prints one Markdown table. With
`--write` the answers go into a Markdown file, for a person to read.
"""

import argparse
import asyncio
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from playground.engine.host import LocalModelHost
from playground.models.loader import load_model
from playground.process import in_own_thread
from playground.protocol.requests import RequestOutput
from playground.protocol.sampling import SamplingParams
from playground.tasks.generate import TASK
from playground.tasks.nlp.repetition import without_repetition
from playground.ui.tabs.generate_controls import PRESETS, SMALL_PRESETS
from tests.bench.everyday.questions import QUESTIONS, Question

TOKENS = 240
AT_ONCE = 8
HEADER = (
    "| temperature, top_p, top_k, repetition_penalty | go round in circles | ended there | distinct-3 | right | "
    "end by themselves | words | code unasked |\n|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Answer:
    question: Question
    text: str
    """As the model gave it, to its end."""
    by_itself: bool

    @property
    def kept(self) -> str | None:
        """What is shown of an answer that goes round in circles."""
        return without_repetition(self.text)

    @property
    def right(self) -> bool:
        return bool(re.search(self.question.wanted, self.text, re.IGNORECASE))


def main() -> None:
    arguments = _arguments()
    loaded = in_own_thread(lambda: load_model(str(arguments.folder), arguments.quantization))
    host = LocalModelHost(loaded)
    written = [f"# {loaded.info.name}, {loaded.info.precision}"]
    print(HEADER)
    for preset in dict.fromkeys([*PRESETS.values(), *SMALL_PRESETS.values()]):
        sampling = SamplingParams(TOKENS, *preset, seed=arguments.seed, penalize_prompt=False)
        answers = asyncio.run(_all(host, sampling))
        name = ", ".join(f"{value:g}" for value in preset)
        print(f"| {name} | {' | '.join(_figures(answers))} |", flush=True)
        written += [f"## {name}", *(_written(answer) for answer in answers)]
    host.close()
    if arguments.write:
        arguments.write.write_text("\n\n".join(written) + "\n", encoding="utf-8")


async def _all(host: LocalModelHost, sampling: SamplingParams) -> list[Answer]:
    few = asyncio.Semaphore(AT_ONCE)

    async def ask(question: Question) -> Answer:
        asked = TASK.prompt(prompt=question.prompt, system=question.system, history=question.history)
        async with few:
            client = host.client(owner=question.prompt)
            newest = RequestOutput("", 0)
            async for output in client.generate(client.tokenizer.apply_chat_template(asked), sampling):
                newest = output
            return Answer(question, newest.text, newest.finish_reason == "stop")

    return list(await asyncio.gather(*map(ask, QUESTIONS)))


def _figures(answers: list[Answer]) -> list[str]:
    known = [answer for answer in answers if answer.question.wanted]
    circles = sum(_goes_in_circles(answer.text) for answer in answers)
    ended = sum(answer.kept is not None for answer in answers)
    boxes = sum("```" in answer.text for answer in answers if answer.question.kind != "code")
    return [
        f"{circles} of {len(answers)}",
        f"{ended}",
        f"{sum(_distinct(answer.text) for answer in answers) / len(answers):.2f}",
        f"{sum(answer.right for answer in known)} of {len(known)}",
        f"{sum(answer.by_itself for answer in answers)}",
        f"{sum(len(answer.text.split()) for answer in answers) / len(answers):.0f}",
        f"{boxes}",
    ]


def _goes_in_circles(text: str) -> bool:
    """Whether six words, or a line, come three times."""
    lines = Counter(line.strip() for line in text.splitlines() if len(line.strip()) > 8)
    return max(*_ngrams(text, 6).values(), *lines.values(), 0, 0) >= 3


def _distinct(text: str) -> float:
    found = _ngrams(text, 3)
    return len(found) / max(1, found.total())


def _ngrams(text: str, size: int) -> Counter[tuple[str, ...]]:
    words = text.split()
    return Counter(tuple(words[place : place + size]) for place in range(len(words) - size + 1))


def _written(answer: Answer) -> str:
    asked = answer.question
    said = [f"({asked.system})" if asked.system else "", *(one["content"] for one in asked.history), asked.prompt]
    about = ["ended where it repeated itself" if answer.kept else "", "" if answer.right else "wrong"]
    marks = ", ".join(filter(None, about))
    lines = [f"### {asked.kind}: {' / '.join(filter(None, said))}", answer.kept or answer.text, marks and f"*{marks}*"]
    return "\n\n".join(filter(None, lines))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.everyday", description=__doc__)
    parser.add_argument("folder", type=Path, help="a chat model's folder")
    parser.add_argument("--write", type=Path, help="a Markdown file for questions and answers")
    parser.add_argument("--quantization", default="4bit", choices=["auto", "4bit", "8bit", "none"])
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
