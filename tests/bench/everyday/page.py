"""What the page answers to a hundred everyday questions in ten languages, for a person to read:
`python -m tests.bench.everyday.page MODEL FILE`.

MODEL is what PLAYGROUND_MODEL may be. Asked is the base model as it comes, through Generate's own task, in the balanced
style and with its longest answer, so that what the page says itself is in FILE too.
"""

import argparse
import asyncio
import os
import re
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from playground.engine.host import LocalModelHost
from playground.models.loader import load_model
from playground.process import in_own_thread
from playground.protocol.sampling import SamplingParams
from playground.tasks.generate import TASK
from playground.tasks.outputs import TextOutput
from playground.ui.tabs.generate_controls import presets
from tests.bench.everyday.questions import FOREIGN, QUESTIONS, Question

TOKENS = 240
AT_ONCE = 8


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.everyday.page", description=__doc__)
    parser.add_argument("model", help="starter, a folder or a hub id")
    parser.add_argument("file", type=Path, help="the Markdown file to write")
    arguments = parser.parse_args()
    host = LocalModelHost(in_own_thread(lambda: load_model(arguments.model)))
    asked = (*QUESTIONS, *FOREIGN)
    began = time.monotonic()
    answers = asyncio.run(_all(host, asked))
    seconds = time.monotonic() - began
    known = [pair for pair in zip(asked, answers, strict=True) if pair[0].wanted]
    right = sum(_is_right(*pair) for pair in known)
    by_page = sum(bool(answer.note) for answer in answers)
    head = (
        f"# {host.info.name}, {host.info.precision}: {len(asked)} everyday questions\n\n"
        f"Asked {AT_ONCE} at a time in {seconds:.0f} s. Of {len(known)} answers that a rule can judge, {right} hold "
        f"what they should. To {by_page} the page says something of its own, in *italics*."
    )
    host.close()
    told = [_told(*pair) for pair in zip(asked, answers, strict=True)]
    arguments.file.write_text("\n\n".join([head, *told]) + "\n", encoding="utf-8")
    print(head)


async def _all(host: LocalModelHost, asked: tuple[Question, ...]) -> list[TextOutput]:
    few = asyncio.Semaphore(AT_ONCE)
    sampling = SamplingParams(TOKENS, *presets(host.info)["balanced"], seed=1)

    async def ask(one: Question) -> TextOutput:
        async with few:
            client = host.client(owner=one.prompt)
            given = {"prompt": one.prompt, "system": one.system, "history": one.history, "params": sampling}
            return [output async for output in TASK.ask(client, **given)][-1]

    return list(await asyncio.gather(*map(ask, asked)))


def _is_right(question: Question, answer: TextOutput) -> bool:
    return bool(re.search(question.wanted, answer.text, re.IGNORECASE))


def _told(question: Question, answer: TextOutput) -> str:
    said = [f"({question.system})" if question.system else "", *(one["content"] for one in question.history)]
    title = " / ".join(filter(None, [*said, question.prompt]))
    marks = [answer.note, "" if _is_right(question, answer) else "wrong"]
    lines = [f"## {question.kind}: {title}", answer.text, *(f"*{mark}*" for mark in marks if mark)]
    return "\n\n".join(lines)


if __name__ == "__main__":
    main()
