"""Generate: a chat, or a text continued."""

import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from itertools import accumulate
from typing import Annotated, Any, Literal

from pydantic import SkipValidation

from playground.metrics.corpus import PERPLEXITY
from playground.protocol.client import MIN_ANSWER_TOKENS, SamplingClient, in_thread
from playground.protocol.messages import Message
from playground.protocol.requests import RequestOutput, TokenLogprob
from playground.protocol.sampling import SamplingParams
from playground.sentence import N_
from playground.tasks.base import Forgetting, Task, TaskExample, forgetting_items
from playground.tasks.inputs import Ask, OptionalText, TaskInputs, Text
from playground.tasks.nlp.only_english import only_english
from playground.tasks.nlp.repetition import without_repetition
from playground.tasks.outputs import TextOutput

ONLY_ENGLISH = "only English"
"""The note on what the page itself says in a language that the model does not know."""
REPEATED = "repeated"
"""The note on an answer that ends where it began to repeat itself."""
CUT = "cut"
"""The note on an answer that was as long as it may be before it came to an end."""
_LOOKED_AT_EVERY = 16
"""Tokens after which it is looked whether an answer repeats itself."""


class Generate(Task[TextOutput]):
    name, title, action, order = "generate", N_("Generate"), N_("Send"), 10
    empty = N_("What shall we try?")

    class Inputs(TaskInputs):
        prompt: Annotated[Text, Ask("Your message", placeholder="Ask for something…")]
        system: OptionalText = ""
        history: SkipValidation[Sequence[Any]] = ()
        """Earlier messages of a chat."""
        begun: str = ""
        """In a chat, what the answer says already: it goes on from there."""
        mode: Literal["chat", "text"] = "chat"
        """"text" continues the prompt."""
        params: SkipValidation[SamplingParams] = SamplingParams()
        top_logprobs: int = 0
        """How many other tokens to tell of each that is written."""
        thinking: bool = False
        """Whether a model that can thinks first, in the tokens that it may write."""

    Output = TextOutput
    examples = (
        TaskExample("Tell a story about a lighthouse", {"prompt": N_("Tell a story about a lighthouse.")}),
        TaskExample("Explain photosynthesis to a child", {"prompt": N_("Explain photosynthesis to a 10 year old.")}),
        TaskExample("Write a thank-you email", {"prompt": N_("Write a short email that thanks a colleague for help.")}),
    )
    forgetting = Forgetting(
        PERPLEXITY,
        worse=N_("It got worse at telling little stories."),
        forgot=N_("It forgot how to tell little stories."),
        at=N_("telling little stories"),
        items=forgetting_items("generate"),
        title=N_("Stories"),
    )

    def messages(self, inputs: Inputs) -> list[Message]:
        system: list[Message] = [{"role": "system", "content": inputs.system}] if inputs.system else []
        return [*system, *inputs.history, {"role": "user", "content": inputs.prompt}]

    async def run(self, client: SamplingClient, inputs: Inputs) -> AsyncIterator[TextOutput]:
        prompt, system = inputs.prompt, inputs.system
        begun = inputs.begun if inputs.mode == "chat" else ""
        if inputs.mode == "chat" and client.info.has_chat_template:
            base_knows_only_english = client.is_base and client.info.chat_languages == ("English",)
            if base_knows_only_english and (said := await in_thread(partial(only_english, prompt))):
                yield TextOutput(said, finished=True, note=ONLY_ENGLISH)
                return
            fitting = partial(self._chat_that_fits, client, inputs)
            thinking = inputs.thinking and client.info.can_think and not begun  # what goes on has been thought of
            token_ids = await client.encode_prompt(fitting, text=f"{system} {prompt}", thinking=thinking)
            token_ids += client.tokenizer.encode_continuation(begun)
        else:
            token_ids = await client.encode_prompt(f"{system}\n\n{prompt}" if system else prompt)
        params = replace(inputs.params, penalize_prompt=False)
        async with aclosing(client.generate(token_ids, params, inputs.top_logprobs)) as outputs:
            looked_at, began, thought_s = 0, time.monotonic(), 0.0
            async for output in outputs:
                if output.thinking and not output.text:
                    thought_s = time.monotonic() - began
                result = _result(output, thought_s)
                if result.finished or output.num_tokens >= looked_at + _LOOKED_AT_EVERY:
                    looked_at = output.num_tokens
                    if kept := without_repetition(begun + output.text):
                        words = () if begun else _words_of(kept, output.logprobs)
                        yield replace(result, text=kept, finished=True, note=REPEATED, words=words)
                        return
                yield replace(result, text=begun + result.text, words=()) if begun else result

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


def _result(output: RequestOutput, thought_s: float) -> TextOutput:
    note = CUT if output.finish_reason == "length" else ""
    return TextOutput(
        output.text,
        output.finish_reason is not None,
        note=note,
        words=output.logprobs,
        thinking=output.thinking,
        thought_s=thought_s,
        unanswered=output.unanswered,
    )


def _words_of(text: str, words: Sequence[TokenLogprob]) -> tuple[TokenLogprob, ...]:
    """Those of `words` that begin inside `text`."""
    begins = accumulate((len(word.token) for word in words), initial=0)
    return tuple(word for word, begin in zip(words, begins, strict=False) if begin < len(text))


TASK = Generate()
