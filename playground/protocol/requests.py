"""What is asked of an engine, and what comes back: plain frozen values that pickle, without tensors."""

from dataclasses import dataclass, field
from typing import Literal

from playground.protocol.messages import BASE
from playground.protocol.sampling import SamplingParams

STRANGER = "stranger-"
"""So begin the names of owners without a key, of whom each has one for a single request."""
DEADLINE_S = 600.0
"""Beyond it a request gives its slot to others, unless it asks for another time."""


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """Continue `prompt_token_ids`. `adapter` is `BASE` or a key given to `Engine.load_adapter`; `strength` is 0 to 1.5.

    With `top_logprobs` above 0 each output tells, for every token, its log-probability and those of so many others.
    `deadline_s` is how long all of it may take, from submitting on. Those of one `address` share what one may take;
    without it they are those of the owner.
    """

    prompt_token_ids: tuple[int, ...]
    sampling: SamplingParams = field(default_factory=SamplingParams)
    adapter: str = BASE
    strength: float = 1.0
    owner: str = ""
    top_logprobs: int = 0
    deadline_s: float | None = DEADLINE_S
    address: str = ""


@dataclass(frozen=True, slots=True)
class LogprobsRequest:
    """Score each of `continuations` as what follows `prompt_token_ids`, and tell so many of the likeliest tokens in
    each place."""

    prompt_token_ids: tuple[int, ...]
    continuations: tuple[tuple[int, ...], ...]
    adapter: str = BASE
    strength: float = 1.0
    owner: str = ""
    top_logprobs: int = 0
    deadline_s: float | None = DEADLINE_S
    address: str = ""


@dataclass(frozen=True, slots=True)
class ContinuationLogprobs:
    """Natural log-probabilities of one continuation of n tokens.

    `logprobs[i]` is that of token i given all before it; `eos_logprobs[i]` that of the text ending right after
    token i (any of the model's end tokens), so every prefix of a continuation is scored in one pass.
    `top_logprobs[i]` are the likeliest tokens in the place of token i, the likeliest first, where they were asked for.
    """

    logprobs: tuple[float, ...]
    eos_logprobs: tuple[float, ...]
    top_logprobs: tuple[tuple[tuple[int, float], ...], ...] = ()


FinishReason = Literal["stop", "length", "abort"]


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token as it was written, its log-probability before any temperature, and the likeliest others with theirs.

    All are natural logarithms.
    """

    token: str
    logprob: float
    top_logprobs: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class RequestOutput:
    """The whole text so far. `finish_reason` is None while more may come; `logprobs` only where they were asked for.

    From a `SamplingClient`, `text` is the answer alone and `thinking` what the model thought before it.
    """

    text: str
    num_tokens: int
    finish_reason: FinishReason | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    thinking: str = ""

    @property
    def unanswered(self) -> bool:
        """Whether it ended in the midst of its thinking."""
        return self.finish_reason in ("stop", "length") and bool(self.thinking) and not self.text
