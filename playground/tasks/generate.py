"""Generate: a chat, or a text continued."""

from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from playground.protocol.client import Live, Voice
from playground.protocol.messages import Message
from playground.protocol.sampling import SamplingParams
from playground.sentence import N_
from playground.tasks.base import (
    MIN_ANSWER_TOKENS,
    Field,
    Task,
    TaskExample,
    TextOutput,
    ask,
    check_text,
    read_prompt,
)


class Generate(Task):
    name = "generate"
    title = N_("Generate")
    action = "Send"
    empty = "What shall we try? Write below, or start with one of these."
    fields = (Field("prompt", "Your message", placeholder="Ask for something…"),)
    examples = (
        TaskExample("Tell a story about a lighthouse", {"prompt": "Tell a story about a lighthouse."}),
        TaskExample("Tell a story about a brave little dog", {"prompt": "Tell a story about a brave little dog."}),
        TaskExample("Write about a birthday", {"prompt": "Tell a story about a birthday party."}),
    )

    def messages(self, **inputs: Any) -> list[Message]:
        """`prompt`, optionally `system` and the `history` of earlier messages."""
        system: list[Message] = []
        if inputs.get("system"):
            system = [{"role": "system", "content": inputs["system"]}]
        return [*system, *inputs.get("history", ()), {"role": "user", "content": inputs["prompt"]}]

    async def run(self, live: Live, voice: Voice, **inputs: Any) -> AsyncIterator[TextOutput]:
        """Inputs: `prompt`, `system`, `history`, `sampling`, `mode` ("chat" or "text": continue the prompt), and
        `top_logprobs`: how many other words to tell of each that is written."""
        prompt = check_text(inputs.get("prompt"), "prompt")
        system = inputs.get("system") or ""
        if system:
            check_text(system, "system")
        sampling = inputs.get("sampling") or SamplingParams()
        if inputs.get("mode", "chat") == "chat" and live.tokenizer.has_chat_template:
            history = inputs.get("history") or ()
            read = partial(self._chat_that_fits, live, prompt, system, history)
        else:
            read = partial(live.tokenizer.encode, f"{system}\n\n{prompt}" if system else prompt)
        tokens = await read_prompt(live, f"{system} {prompt}", read)
        async for chunk in ask(live, voice, tokens, sampling, inputs.get("top_logprobs") or 0):
            yield TextOutput(chunk.text, finished=chunk.finished is not None, words=chunk.words)

    def _chat_that_fits(self, live: Live, prompt: str, system: str, history: Sequence[Message]) -> list[int]:
        """Forget the oldest exchanges when a conversation outgrows the context; never the newest message."""
        room = live.tokenizer.context_length // 2 + MIN_ANSWER_TOKENS

        def without(exchanges: int) -> list[int]:
            kept = history[2 * exchanges :]
            return live.tokenizer.apply_chat_template(self.messages(prompt=prompt, system=system, history=kept))

        tokens = without(0)
        if not history or len(tokens) <= room:
            return tokens
        every = range((len(history) + 1) // 2)  # looked through by halves: a long conversation takes long to write out
        return without(bisect_left(every, True, key=lambda exchanges: len(without(exchanges)) <= room))


TASK = Generate()
