"""Generate: a chat, or a text continued."""

from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from playground.protocol.client import MIN_ANSWER_TOKENS, SamplingClient
from playground.protocol.messages import Message
from playground.protocol.sampling import SamplingParams
from playground.sentence import N_
from playground.tasks.base import Field, Task, TaskExample, TextOutput, check_text


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

    async def run(self, client: SamplingClient, **inputs: Any) -> AsyncIterator[TextOutput]:
        """Inputs: `prompt`, `system`, `history`, `sampling`, `mode` ("chat" or "text": continue the prompt), and
        `top_logprobs`: how many other words to tell of each that is written."""
        prompt = check_text(inputs.get("prompt"), "prompt")
        system = inputs.get("system") or ""
        if system:
            check_text(system, "system")
        params = inputs.get("sampling") or SamplingParams()
        if inputs.get("mode", "chat") == "chat" and client.info.has_chat_template:
            fitting = partial(self._chat_that_fits, client, prompt, system, inputs.get("history") or ())
            token_ids = await client.encode_prompt(fitting, text=f"{system} {prompt}")
        else:
            token_ids = await client.encode_prompt(f"{system}\n\n{prompt}" if system else prompt)
        async for output in client.generate(token_ids, params, inputs.get("top_logprobs") or 0):
            yield TextOutput(output.text, finished=output.finish_reason is not None, words=output.logprobs)

    def _chat_that_fits(
        self, client: SamplingClient, prompt: str, system: str, history: Sequence[Message]
    ) -> list[Message]:
        """Forget the oldest exchanges when a conversation outgrows the context; never the newest message."""
        room = client.info.context_length // 2 + MIN_ANSWER_TOKENS

        def without(exchanges: int) -> list[Message]:
            return self.messages(prompt=prompt, system=system, history=history[2 * exchanges :])

        def fits(exchanges: int) -> bool:
            return len(client.tokenizer.apply_chat_template(without(exchanges))) <= room

        if not history or fits(0):
            return without(0)
        every = range((len(history) + 1) // 2)  # looked through by halves: a long conversation takes long to write out
        return without(bisect_left(every, True, key=fits))


TASK = Generate()
