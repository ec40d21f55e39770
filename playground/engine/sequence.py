"""The state of one request in the engine: its tokens, how many are computed, and what to do with the next logits."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

import torch
from transformers import PreTrainedModel

from playground.engine.detokenizer import Decode, IncrementalDetokenizer
from playground.engine.ngram_proposer import NgramProposer
from playground.engine.output_collector import RequestOutputCollector
from playground.engine.sampler import Sampler, sample_batch
from playground.engine.structured_output import StructuredOutputMatcher
from playground.errors import PlaygroundError
from playground.protocol.requests import (
    STRANGER,
    FinishReason,
    GenerateRequest,
    LogprobsRequest,
    TokenLogprob,
)


@dataclass(frozen=True, slots=True)
class StepLimits:
    """How much goes into one pass, as others wait for it; what a CPU does in some tenths of a second."""

    prefill_tokens: int = 256
    """Of prompts."""
    scoring_tokens: int = 512
    """Rows times continuation of one scoring pass."""
    scoring_kv_tokens: int = 4096
    """Rows times (prompt + continuation), a bound on its keys and values."""
    scoring_logits: int = 2**24
    """Rows times tokens times vocabulary, a bound on its logits (64 MiB in fp32)."""

    @classmethod
    def of(cls, device: torch.device) -> "StepLimits":
        """A card unfolds its 4-bit weights once a pass, and does several times as much in that time."""
        return cls(2048, 8192, 65536, 2**27) if device.type == "cuda" else cls()


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What every request needs of the model."""

    model: PreTrainedModel
    decode: Decode
    eos_token_ids: tuple[int, ...]
    context_length: int
    limits: StepLimits = StepLimits()

    @property
    def vocabulary(self) -> int:
        return int(self.model.get_input_embeddings().num_embeddings)


class SequenceStatus(Enum):
    """Where a request is on its way; only the scheduler changes it."""

    WAITING = auto()
    RUNNING = auto()
    ABORTED = auto()
    """Over; if it was running, it loses its slot before the next step."""
    FINISHED = auto()


class TokenSequence(ABC):
    """What the engine keeps of any request."""

    request: GenerateRequest | LogprobsRequest

    def __init__(self, request: GenerateRequest | LogprobsRequest, request_id: str, max_num_tokens: int) -> None:
        """`max_num_tokens` is how many tokens may come to stand in its slot."""
        self.request = request
        self.request_id = request_id
        self.max_num_tokens = max_num_tokens
        self.status = SequenceStatus.WAITING
        self.num_computed_tokens = 0
        """How many of its tokens stand in its slot."""
        self.arrival_time = time.monotonic()
        self.started_at = 0.0
        self.deadline = math.inf if request.deadline_s is None else self.arrival_time + request.deadline_s
        """As the two before it, a monotonic time."""

    @property
    def owner(self) -> str:
        """Whose line it waits in: those without a key share one."""
        return STRANGER if self.request.owner.startswith(STRANGER) else self.request.owner

    @property
    def address(self) -> str:
        return self.request.address or self.request.owner

    @abstractmethod
    def computed_tokens(self) -> Sequence[int]:
        """The tokens that stand in its slot, as far as others may go on from them."""

    @abstractmethod
    def uncomputed_tokens(self) -> Sequence[int]:
        """The tokens that stand next in its slot."""

    @abstractmethod
    def advance(self, num_tokens: int, logits: torch.Tensor) -> None:
        """So many uncomputed tokens were computed; `logits` (V) follow the last of them."""

    def restart(self) -> None:
        """Nothing stands in a slot of its own any more: what it knows so far is computed again when it has one."""
        self.num_computed_tokens = 0

    @abstractmethod
    def end_as_aborted(self) -> None:
        """Tell the reader that it is over, with what there is."""

    @abstractmethod
    def fail(self, error: PlaygroundError) -> None:
        """Tell the reader why it is over."""


class GenerateSequence(TokenSequence):
    """Continue a prompt token by token."""

    request: GenerateRequest

    def __init__(
        self,
        request: GenerateRequest,
        output: RequestOutputCollector,
        served: ServedModel,
        matcher: StructuredOutputMatcher | None = None,
    ) -> None:
        self._num_prompt_tokens = len(request.prompt_token_ids)
        self._max_new_tokens = min(request.sampling.max_new_tokens, served.context_length - self._num_prompt_tokens)
        super().__init__(request, output.request_id, self._num_prompt_tokens + self._max_new_tokens)
        self._output = output
        self._served = served
        self._tokens = list(request.prompt_token_ids)
        self._sampler = Sampler(request.sampling, request.prompt_token_ids, matcher)
        self._proposer = NgramProposer(request.prompt_token_ids)
        self._text = IncrementalDetokenizer(served.decode, request.prompt_token_ids, request.sampling.stop)
        self._logits = torch.empty(0)
        self._logprobs: tuple[TokenLogprob, ...] = ()
        self._num_attributed = 0
        """Characters of the text that the tokens in `_logprobs` hold already."""

    def computed_tokens(self) -> Sequence[int]:
        return self._tokens[: self.num_computed_tokens]

    def uncomputed_tokens(self) -> Sequence[int]:
        return self._tokens[self.num_computed_tokens :]

    def advance(self, num_tokens: int, logits: torch.Tensor) -> None:
        self.num_computed_tokens += num_tokens
        self._logits = logits

    def sampler_for_next(self, num_tokens: int) -> Sampler | None:
        """Who samples the token that follows so many more tokens, if one is to follow."""
        return self._sampler if self.num_computed_tokens + num_tokens == len(self._tokens) else None

    def propose_tokens(self) -> list[int]:
        """What may follow its last token, to be verified in one pass with it."""
        return self._proposer.propose(self.max_num_tokens - len(self._tokens) - 1)

    def verify_tokens(self, proposed: Sequence[int], logits: torch.Tensor) -> bool:
        """Sample after the last token and after each proposed one, as long as the samples are what was proposed.

        So each draw is the one that would have been made without a proposal. `logits` (proposed + 1, V). True once
        finished.
        """
        for right, row in enumerate(logits):
            (token,) = sample_batch([self._sampler], row[None])
            if isinstance(token, Exception):
                raise token
            self.advance(1, row)
            if self.append_token(token):
                return True
            if right == len(proposed) or token != proposed[right]:
                break
        self._proposer.learn(len(proposed), right)
        return False

    def append_token(self, token: int) -> bool:
        """Take the sampled token, after `advance`. True once finished."""
        if token in self._served.eos_token_ids:
            self._put("stop")
            return True
        self._tokens.append(token)
        self._proposer.extend((token,))
        self._text.push(token)
        if self.request.top_logprobs:
            self._logprobs = (*self._logprobs, self._token_logprob(token))
        if self._text.stopped:
            self._put("stop")
        elif len(self._tokens) - self._num_prompt_tokens >= self._max_new_tokens:
            self._put("length")
        else:
            self._put()
            return False
        return True

    def end_as_aborted(self) -> None:
        self._output.end_as_aborted()

    def fail(self, error: PlaygroundError) -> None:
        self._output.fail(error)

    def _put(self, finish_reason: FinishReason | None = None) -> None:
        text = self._text.text if finish_reason else self._text.visible()
        if (
            self._logprobs and len(text) > self._num_attributed
        ):  # held back text belongs to the token that showed its end
            last = self._logprobs[-1]
            shown = replace(last, token=last.token + text[self._num_attributed :])
            self._logprobs = (*self._logprobs[:-1], shown)
            self._num_attributed = len(text)
        self._output.put(text, len(self._tokens) - self._num_prompt_tokens, finish_reason, self._logprobs)

    def _token_logprob(self, token: int) -> TokenLogprob:
        """The token with what it might have been; its own text comes with what of it can be shown."""
        logprobs = self._logits.float().log_softmax(-1)
        best = logprobs.topk(min(self.request.top_logprobs + 1, len(logprobs)))
        others = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        top = [(self._served.decode([other]), logprob) for other, logprob in others if other != token]
        return TokenLogprob("", float(logprobs[token]), tuple(top[: self.request.top_logprobs]))
