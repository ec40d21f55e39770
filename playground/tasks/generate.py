"""Generate: a chat, or a text continued."""

from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import SkipValidation

from playground.metrics.corpus import PERPLEXITY
from playground.protocol.client import MIN_ANSWER_TOKENS, SamplingClient
from playground.protocol.messages import Message
from playground.protocol.sampling import SamplingParams
from playground.sentence import N_
from playground.tasks.base import Forgetting, Task, TaskExample, skills
from playground.tasks.inputs import Ask, OptionalText, TaskInputs, Text
from playground.tasks.outputs import TextOutput


class Generate(Task[TextOutput]):
    name, title, action, order = "generate", N_("Generate"), N_("Send"), 10
    empty = N_("What shall we try?")

    class Inputs(TaskInputs):
        prompt: Annotated[Text, Ask("Your message", placeholder="Ask for something…")]
        system: OptionalText = ""
        history: SkipValidation[Sequence[Any]] = ()
        """Earlier messages of a chat."""
        mode: Literal["chat", "text"] = "chat"
        """"text" continues the prompt."""
        params: SkipValidation[SamplingParams] = SamplingParams()
        top_logprobs: int = 0
        """How many other tokens to tell of each that is written."""

    Output = TextOutput
    examples = (
        TaskExample("Tell a story about a lighthouse", {"prompt": "Tell a story about a lighthouse."}),
        TaskExample("Tell a story about a brave little dog", {"prompt": "Tell a story about a brave little dog."}),
        TaskExample("Write about a birthday", {"prompt": "Tell a story about a birthday party."}),
    )
    forgetting = Forgetting(
        PERPLEXITY,
        worse=N_("It got worse at telling little stories."),
        at=N_("telling little stories"),
        items=skills("generate"),
        title=N_("Stories"),
    )

    def messages(self, inputs: Inputs) -> list[Message]:
        system: list[Message] = [{"role": "system", "content": inputs.system}] if inputs.system else []
        return [*system, *inputs.history, {"role": "user", "content": inputs.prompt}]

    async def run(self, client: SamplingClient, inputs: Inputs) -> AsyncIterator[TextOutput]:
        prompt, system = inputs.prompt, inputs.system
        if inputs.mode == "chat" and client.info.has_chat_template:
            fitting = partial(self._chat_that_fits, client, inputs)
            token_ids = await client.encode_prompt(fitting, text=f"{system} {prompt}")
        else:
            token_ids = await client.encode_prompt(f"{system}\n\n{prompt}" if system else prompt)
        async for output in client.generate(token_ids, inputs.params, inputs.top_logprobs):
            yield TextOutput(output.text, finished=output.finish_reason is not None, words=output.logprobs)

    def _chat_that_fits(self, client: SamplingClient, inputs: Inputs) -> list[Message]:
        """Forget the oldest exchanges when a conversation outgrows the context; never the newest message."""
        history = inputs.history
        room = client.info.context_length // 2 + MIN_ANSWER_TOKENS

        def without(exchanges: int) -> list[Message]:
            return self.messages(inputs.model_copy(update={"history": history[2 * exchanges :]}))

        def fits(exchanges: int) -> bool:
            return len(client.tokenizer.apply_chat_template(without(exchanges))) <= room

        if not history or fits(0):
            return without(0)
        every = range((len(history) + 1) // 2)  # looked through by halves: a long conversation takes long to write out
        return without(bisect_left(every, True, key=fits))


TASK = Generate()
