"""What the prefix cache saves: `python -m tests.bench.prefix_cache [MODEL]`, the starter or a folder with a chat model.

A chat of five questions about one text, asked by one owner and by an owner who is new each time: the time to the first
token of each answer, in turns, and whether both answers are the same.
"""

import statistics
import sys
import time
from itertools import count

from playground.engine.llm_engine import LLMEngine
from playground.models.loader import load_model
from playground.protocol.messages import Message
from playground.protocol.requests import GenerateRequest
from playground.protocol.sampling import SamplingParams
from playground.tasks.registry import all_tasks
from tests.bench.engine import machine, wait_until

CHATS = 3
QUESTIONS = ("Sum this up in one sentence.", "Who decided it?", "What was too expensive?", "And then?", "Say it again.")


def main() -> None:
    loaded = load_model(sys.argv[1] if sys.argv[1:] else "starter")
    engine = LLMEngine(loaded)
    text = all_tasks()["summarize"].examples[0].inputs["text"]
    known: dict[int, list[float]] = {turn: [] for turn in range(len(QUESTIONS))}
    unknown: dict[int, list[float]] = {turn: [] for turn in known}
    sizes: dict[int, int] = {}
    same, strangers = 0, count()
    _ask(engine, (1, 2, 3), "warm-up")
    for chat in range(CHATS):
        history: list[Message] = []
        for turn, question in enumerate(QUESTIONS):
            content = question if turn else f"{text} {text}\n\n{question}"
            history.append({"role": "user", "content": content})
            prompt = tuple(loaded.tokenizer.apply_chat_template(history))
            sizes[turn] = len(prompt)
            first, answer = _ask(engine, prompt, f"owner {chat}")
            other, again = _ask(engine, prompt, f"stranger {next(strangers)}")
            known[turn].append(first)
            unknown[turn].append(other)
            same += answer == again
            history.append({"role": "assistant", "content": answer})
    kept = engine._core.scheduler.prefix_cache.size_bytes / 2**20
    engine.close()
    print("| question | prompt | first token, own chat | the same, nothing known | saved |\n|---|---|---|---|---|")
    for turn, size in sizes.items():
        own, new = statistics.median(known[turn]), statistics.median(unknown[turn])
        print(f"| {turn + 1} | {size} tokens | {own * 1e3:.0f} ms | {new * 1e3:.0f} ms | {new / own:.1f}× |")
    print(
        f"\n{same} of {CHATS * len(QUESTIONS)} answers the same; {kept:.1f} MiB kept. {loaded.info.name}, {machine()}"
    )


def _ask(engine: LLMEngine, prompt: tuple[int, ...], owner: str) -> tuple[float, str]:
    """Seconds to the first token, and an answer of 24; nobody else runs."""
    began = time.perf_counter()
    stream = engine.submit(GenerateRequest(prompt, SamplingParams(24, 0.0), owner=owner))
    wait_until(lambda: stream._output.num_tokens > 0 or stream.done)
    first = time.perf_counter() - began
    answer = stream.result(600).text
    wait_until(lambda: not engine.status().running)
    return first, answer


if __name__ == "__main__":
    main()
