"""Whether speculation from the text pays: `python -m tests.bench.speculation [MODEL]`, the starter or a chat model.

One visitor, the same requests with and without it in turns, in one engine.
"""

import sys
import time
from dataclasses import replace

from playground.engine.llm_engine import LLMEngine
from playground.engine.model_runner import ModelRunner
from playground.engine.sched import scheduler
from playground.engine.sched.output import SchedulerOutput
from playground.models.loader import load_model
from playground.protocol.messages import Message
from playground.protocol.requests import GenerateRequest
from playground.protocol.sampling import SamplingParams
from playground.tasks.registry import all_tasks
from tests.bench.engine import in_turns, machine

TOKENS = 64
CODE = """def area(width, height):
    result = width * height
    return result

def volume(width, height, depth):
    result = width * height * depth
    return result

print(area(3, 4))
print(volume(3, 4, 5))"""


def main() -> None:
    loaded = load_model(sys.argv[1] if sys.argv[1:] else "starter")
    engine = LLMEngine(loaded)
    most, execute = scheduler.MAX_SPECULATING, ModelRunner.execute
    steps: list[int] = []

    def counted(self: ModelRunner, scheduled: SchedulerOutput) -> object:
        steps.append(len(scheduled.decode) + len(scheduled.speculative))
        return execute(self, scheduled)

    ModelRunner.execute = counted  # type: ignore[assignment, method-assign]
    answers: dict[int, tuple[str, int, int]] = {}

    def answer(request: GenerateRequest, speculating: int) -> float:
        scheduler.MAX_SPECULATING = speculating
        engine.submit(replace(request, sampling=replace(request.sampling, max_new_tokens=1))).result(600)
        steps.clear()
        began = time.perf_counter()
        output = engine.submit(request).result(600)
        took = time.perf_counter() - began
        answers[speculating] = output.text, output.num_tokens, sum(steps)
        return took

    print("| prompt | with against without | tokens a step | the same text |\n|---|---|---|---|")
    for name, request in _requests(loaded.tokenizer.apply_chat_template).items():
        without, speculated = in_turns(1, lambda r=request: answer(r, 0), lambda r=request: answer(r, most))
        (text, _, _), (other, tokens, passes) = answers[0], answers[most]
        same = "yes" if text == other else "NO"
        speeds = f"({tokens / speculated:.1f} and {tokens / without:.1f} tokens/s)"
        print(f"| {name} | {without / speculated:.2f}× {speeds} | {tokens / passes:.2f} | {same} |", flush=True)
    engine.close()
    print(f"\n{loaded.info.name}, {machine()}")


def _requests(encode) -> dict[str, GenerateRequest]:  # type: ignore[no-untyped-def]
    text = all_tasks()["summarize"].examples[0].inputs["text"]
    greedy = SamplingParams(TOKENS, 0.0)

    def ask(content: str, sampling: SamplingParams = greedy) -> GenerateRequest:
        messages: list[Message] = [{"role": "user", "content": content}]
        return GenerateRequest(tuple(encode(messages)), sampling)

    edit = f"Repeat this text word for word, but write 'lake' instead of 'harbour':\n\n{text}"
    return {
        "editing a text": ask(edit),
        "editing a text, sampled": ask(edit, SamplingParams(TOKENS, 0.7, 0.9, 50, seed=1)),
        "editing code": ask(f"Rename `result` to `value` in this code. Answer with the code only.\n\n{CODE}"),
        "summary": ask(f"Summarize in a few sentences:\n\n{text}", replace(greedy, repetition_penalty=1.1)),
        "a story": ask("Tell a story about a lighthouse."),
    }


if __name__ == "__main__":
    main()
