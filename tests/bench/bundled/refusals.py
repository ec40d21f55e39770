"""How often Question answering says that a passage does not say: `python -m tests.bench.bundled.refusals DATA_FOLDER`.

Held-out questions of SQuAD, each with its own passage and with another that does not hold the answer, asked of the
bundled model's skill and of its plain weights.
"""

import argparse
import asyncio
import random
from pathlib import Path

from playground.adapters.builtin import builtin_adapters
from playground.engine.host import LocalModelHost
from playground.evaluation.benchmark import answers
from playground.evaluation.benchmark_data import questions
from playground.models.loader import load_model
from playground.process import in_own_thread
from playground.tasks.answer import NOT_SAID, TASK

QUESTIONS, MAX_PASSAGE_CHARS = 40, 900


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bundled.refusals", description=__doc__)
    parser.add_argument("data", type=Path)
    draw = random.Random(3)
    short = [row for row in questions(parser.parse_args().data)[1] if len(row["context"]) <= MAX_PASSAGE_CHARS]
    rows = draw.sample(short, QUESTIONS)
    own = [{"question": row["question"], "context": row["context"]} for row in rows]
    others = [
        {
            "question": row["question"],
            "context": draw.choice([other["context"] for other in short if row["answers"][0] not in other["context"]]),
        }
        for row in rows
    ]
    skill = next(card for card in builtin_adapters() if card.task == TASK.name)
    host = in_own_thread(lambda: LocalModelHost(load_model("starter")))
    host.load_adapter(skill.id, skill.folder)
    print("| | refused without an answer there | refused with one |\n|---|---|---|")
    for name, client in (("skill", host.client(adapter=skill.id)), ("plain", host.client())):
        without, with_one = (
            sum(said == NOT_SAID for said in asyncio.run(answers(client, TASK.name, part))) for part in (others, own)
        )
        print(f"| {name} | {without} of {QUESTIONS} | {with_one} of {QUESTIONS} |", flush=True)
    host.close()


if __name__ == "__main__":
    main()
