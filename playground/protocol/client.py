"""One base model with one adapter, for one owner, to generate with and to score with."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from playground import telemetry
from playground.errors import TooLongError
from playground.protocol.engine import Engine
from playground.protocol.messages import BASE, Message
from playground.protocol.model import ModelInfo, Tokenizer
from playground.protocol.requests import ContinuationLogprobs, GenerateRequest, LogprobsRequest, RequestOutput
from playground.protocol.sampling import SamplingParams
from playground.protocol.thinking import without_thinking

MIN_ANSWER_TOKENS = 16
"""That must be left for the answer, or the text counts as too long."""
_TAIL = 16
"""Tokens of a prompt's end, in which it is seen whether the model is to think."""
MAX_CHARS_PER_TOKEN = 16
"""Characters for which a token stands at most, but for long lines of one sign."""

T = TypeVar("T")
_threads = ThreadPoolExecutor(4, thread_name_prefix="prompts")


async def in_thread(work: Callable[[], T]) -> T:
    """What `work` returns, from another thread.

    All visitors' words go through the one event loop, which must not stand still while one of them is read, nor while
    others wait for the tokenizer meanwhile.
    """
    return await asyncio.get_running_loop().run_in_executor(_threads, work)


@dataclass(frozen=True, slots=True)
class SamplingClient:
    """Bound to the model that was loaded when it was made: once that is gone, it raises `EngineError`.

    `adapter` is `BASE` or the key of a resident adapter, `strength` 0 to 1.5; `address` as in a request.
    """

    info: ModelInfo
    tokenizer: Tokenizer
    engine: Engine = field(repr=False)
    adapter: str = BASE
    strength: float = 1.0
    owner: str = ""
    address: str = ""

    @property
    def is_base(self) -> bool:
        """Whether the model answers as it is."""
        return self.adapter == BASE or not self.strength

    async def generate(
        self, prompt_token_ids: Sequence[int], params: SamplingParams, top_logprobs: int = 0
    ) -> AsyncGenerator[RequestOutput, None]:
        """Stream the continuation, each time the whole text so far; a reader who leaves aborts the request.

        What a model that thinks has thought is in `thinking`, never in `text`.
        Raises `InputError`, `AdapterError`, `BusyError`, `EngineError`.
        """
        request = GenerateRequest(
            tuple(prompt_token_ids),
            params,
            self.adapter,
            self.strength,
            self.owner,
            top_logprobs,
            address=self.address,
        )
        marks = self.tokenizer.thinking_marks
        opened = marks is not None and marks.opened_by(self.tokenizer.decode_output(request.prompt_token_ids[-_TAIL:]))
        submit = partial(self.engine.submit, request)
        stream = await in_thread(submit) if params.json_schema else submit()  # a schema takes time to be read
        num_tokens = 0
        try:
            async for output in stream:
                num_tokens = output.num_tokens
                yield without_thinking(output, marks, opened) if marks else output
        finally:
            stream.abort()
            telemetry.TOKENS.inc(num_tokens)

    async def compute_logprobs(
        self, prompt_token_ids: Sequence[int], continuations: Sequence[Sequence[int]], top_logprobs: int = 0
    ) -> list[ContinuationLogprobs]:
        """Natural log-probabilities of each continuation as what follows the prompt, in their order."""
        rows = tuple(map(tuple, continuations))
        request = LogprobsRequest(
            tuple(prompt_token_ids),
            rows,
            self.adapter,
            self.strength,
            self.owner,
            top_logprobs,
            address=self.address,
        )
        return await self.engine.compute_logprobs(request)

    async def encode_prompt(
        self,
        prompt: str | Sequence[Message] | Callable[[], Sequence[Message]],
        room_for_answer: int = MIN_ANSWER_TOKENS,
        text: str = "",
        thinking: bool = False,
    ) -> list[int]:
        """Encode a text to be continued, or a conversation (or what writes one, called in another thread).

        `text` is what a person gave of it, by which a sentence about its length counts. Raises `InputError` in words
        when no room is left for an answer of so many tokens.
        """
        if isinstance(prompt, str):
            text = text or prompt
        room = self.info.context_length - room_for_answer
        if len(text) > MAX_CHARS_PER_TOKEN * self.info.context_length:  # its beginning tells enough to refuse it
            beginning = text[: self.info.context_length]
            about = len(self.tokenizer.encode_continuation(beginning)) * len(text) // len(beginning)
            check_fits(about, room, text)

        def encode() -> list[int]:
            if isinstance(prompt, str):
                return self.tokenizer.encode(prompt)
            return self.tokenizer.apply_chat_template(prompt() if callable(prompt) else prompt, thinking)

        token_ids = await in_thread(encode)
        check_fits(len(token_ids), room, text)
        return token_ids


def check_fits(num_tokens: int, room: int, text: str) -> None:
    """Raise a sentence in words, which people count in, if a prompt takes more than `room` tokens."""
    if num_tokens <= room:
        return
    words = max(1, len(text.split()))
    fits = max(1, words * room // num_tokens)
    if words < len(text) // 20:  # written without spaces, as Chinese is
        raise TooLongError(
            "That is {length} characters, and the model reads about {fits} at once. Shorten it, or use Summarize, "
            "which reads in parts.",
            length=len(text),
            fits=max(1, len(text) * room // num_tokens),
        )
    raise TooLongError(
        "That is {words} words, and the model reads about {fits} at once. Shorten it, or use Summarize, which reads "
        "in parts.",
        words=words,
        fits=fits,
    )
