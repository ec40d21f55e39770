"""Generate: a chat, or a text continued."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from playground.errors import InputError
from playground.protocol import Live, Message, Sampling, Voice
from playground.tasks.base import SMALLEST_ANSWER, Field, Task, TaskExample, TextResult, ask, check_fits, check_text


class Generate(Task):
    name = "generate"
    title = "Generate"
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

    async def run(self, live: Live, voice: Voice, **inputs: Any) -> AsyncIterator[TextResult]:
        """Inputs: `prompt`, `system`, `history`, `sampling`, `mode` ("chat" or "text": continue the prompt), and
        `alternatives`: how many other words to tell of each that is written."""
        prompt = check_text(inputs.get("prompt"), "prompt")
        system = inputs.get("system") or ""
        if system:
            check_text(system, "system")
        sampling = inputs.get("sampling") or Sampling()
        if inputs.get("mode", "chat") == "chat" and live.codec.has_chat:
            tokens = self._chat_that_fits(live, prompt, system, inputs.get("history") or ())
        else:
            tokens = live.codec.plain(f"{system}\n\n{prompt}" if system else prompt)
        check_fits(live, tokens, f"{system} {prompt}")
        async for chunk in ask(live, voice, tokens, sampling, inputs.get("alternatives") or 0):
            yield TextResult(chunk.text, finished=chunk.finished is not None, words=chunk.words)

    def _chat_that_fits(self, live: Live, prompt: str, system: str, history: Sequence[Message]) -> list[int]:
        """Forget the oldest exchange first when a conversation outgrows the context; never the newest message."""
        kept = list(history)
        tokens = live.codec.chat(self.messages(prompt=prompt, system=system, history=kept))
        while kept and len(tokens) > live.codec.context_length // 2 + SMALLEST_ANSWER:
            kept = kept[2:]
            tokens = live.codec.chat(self.messages(prompt=prompt, system=system, history=kept))
        if not tokens:
            raise InputError("Write or paste a text first.")
        return tokens


TASK = Generate()
