"""One request as the engine works on it: what it wants to feed to the next pass, and what it makes of the logits."""

import contextlib
import math
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from transformers import PreTrainedModel

from playground.engine.detokenizer import Decode, GrowingText
from playground.engine.output_collector import LiveGeneration
from playground.engine.sampler import Sampler
from playground.errors import PlaygroundError
from playground.protocol.requests import (
    ContinuationLogprobs,
    FinishReason,
    GenerateRequest,
    LogprobsRequest,
    TokenLogprob,
)

PREFILL_TOKENS = 256
"""How much of prompts goes in at one pass; others wait for no more than this."""
SCORED_TOKENS = 4096
"""Rows times (prompt + continuation) of one scoring pass, a bound on its keys and values."""
SCORED_AT_ONCE = 512
"""Rows times continuation of one scoring pass, a bound on how long others wait for it."""
SCORED_LOGITS = 2**24
"""Rows times tokens times vocabulary of one scoring pass, a bound on its logits (64 MiB in fp32)."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """What every request needs of the model."""

    model: PreTrainedModel
    decode: Decode
    end_tokens: tuple[int, ...]
    context_length: int

    @property
    def vocabulary(self) -> int:
        return int(self.model.get_input_embeddings().num_embeddings)


class Work(Protocol):
    """A request under way. `fed` counts the tokens that stand at its place already; `deadline` is a monotonic time."""

    cancelled: bool
    queued_at: float
    started_at: float
    deadline: float
    request_id: str
    fed: int
    stays: bool
    """Whether what branches stays at the place; only a single text can."""
    turn: int
    """When it last branched, counted by the batch."""
    reach: int
    """How many tokens may come to stand at its place."""

    @property
    def request(self) -> GenerateRequest | LogprobsRequest: ...
    @property
    def owner(self) -> str: ...

    def pending(self) -> Sequence[int]:
        """The tokens that stand next at its place."""
        ...

    def take(self, count: int, logits: torch.Tensor) -> bool:
        """`count` pending tokens were fed, `logits` (V) follow the last of them. True once finished."""
        ...

    def chooser(self, count: int) -> Sampler | None:
        """Who chooses the token that follows `count` more tokens, if one is to follow."""
        ...

    def take_token(self, token: int) -> bool:
        """The chosen token, after `take`. True once finished."""
        ...

    def branching(self) -> Sequence[Sequence[int]]:
        """Texts of one length to go on with, each by itself, when nothing is pending."""
        ...

    def take_branches(self, logits: torch.Tensor) -> bool:
        """`logits` (rows, tokens, V) follow each token of each text. True once finished."""
        ...

    def end_as_cancelled(self) -> None: ...
    def fail(self, error: PlaygroundError) -> None: ...


class GenerateWork:
    """Continue a prompt token by token."""

    def __init__(self, request: GenerateRequest, generation: LiveGeneration, speaker: Speaker) -> None:
        self.request = request
        self.owner = request.owner
        self.request_id = generation.request_id
        self.cancelled = False
        self.queued_at = time.monotonic()
        self.started_at = 0.0
        self.deadline = _deadline(request)
        self.fed = 0
        self.stays = False
        self.turn = 0
        self._generation = generation
        self._speaker = speaker
        self._tokens = list(request.prompt_token_ids)
        self._sampler = Sampler(request.sampling, request.prompt_token_ids)
        self._text = GrowingText(speaker.decode, request.prompt_token_ids, request.sampling.stop)
        self._logits = torch.empty(0)
        self._words: tuple[TokenLogprob, ...] = ()
        self._told = 0
        """Characters of the text that the words hold already."""
        room = speaker.context_length - len(request.prompt_token_ids)
        self._most = min(request.sampling.max_new_tokens, room)
        self.reach = len(request.prompt_token_ids) + self._most

    def pending(self) -> Sequence[int]:
        return self._tokens[self.fed :]

    def branching(self) -> Sequence[Sequence[int]]:
        return ()

    def take_branches(self, logits: torch.Tensor) -> bool:
        raise NotImplementedError

    def take(self, count: int, logits: torch.Tensor) -> bool:
        self.fed += count
        self._logits = logits
        return False

    def chooser(self, count: int) -> Sampler | None:
        return self._sampler if self.fed + count == len(self._tokens) else None

    def take_token(self, token: int) -> bool:
        if token in self._speaker.end_tokens:
            self._publish("stop")
            return True
        self._tokens.append(token)
        self._text.push(token)
        if self.request.top_logprobs:
            self._words = (*self._words, self._word(token))
        if self._text.stopped:
            self._publish("stop")
        elif len(self._tokens) - len(self.request.prompt_token_ids) >= self._most:
            self._publish("length")
        else:
            self._publish()
            return False
        return True

    def _publish(self, finished: FinishReason | None = None) -> None:
        text = self._text.text if finished else self._text.visible()
        if self._words and len(text) > self._told:  # what was held back belongs to the word that showed its end
            last = self._words[-1]
            self._words = (*self._words[:-1], replace(last, text=last.text + text[self._told :]))
            self._told = len(text)
        self._generation.publish(text, len(self._tokens) - len(self.request.prompt_token_ids), finished, self._words)

    def _word(self, token: int) -> TokenLogprob:
        """The token with what it might have been; its own text comes with what of it can be shown."""
        probabilities = self._logits.float().softmax(-1)
        best = probabilities.topk(min(self.request.top_logprobs + 1, len(probabilities)))
        others = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        shown = [(self._speaker.decode([other]), share) for other, share in others if other != token]
        return TokenLogprob("", float(probabilities[token]), tuple(shown[: self.request.top_logprobs]))

    def end_as_cancelled(self) -> None:
        self._generation.end_as_cancelled()

    def fail(self, error: PlaygroundError) -> None:
        self._generation.fail(error)


class ScoreWork:
    """Score continuations of one prompt: the prompt once, then the continuations in batches that branch from it.

    One that is too long for a pass is fed to the place itself, part by part; what it leaves there is written over.
    """

    def __init__(
        self, request: LogprobsRequest, future: "Future[list[ContinuationLogprobs]]", speaker: Speaker
    ) -> None:
        self.request = request
        self.owner = request.owner
        self.request_id = uuid.uuid4().hex
        self.fed = 0
        self.stays = False
        self.turn = 0
        self.reach = len(request.prompt_token_ids) + max((len(row) for row in request.continuations), default=0)
        self.queued_at = time.monotonic()
        self.started_at = 0.0
        self.deadline = _deadline(request)
        self._cancelled = False
        self._future = future
        self._speaker = speaker
        self._first = torch.empty(0)
        self._batch: list[Sequence[int]] = []
        self._scores: list[ContinuationLogprobs] = []
        self._part: tuple[list[float], list[float]] = [], []
        """The scores of the fed part of a long continuation."""

    @property
    def cancelled(self) -> bool:
        return self._cancelled or self._future.cancelled()

    @cancelled.setter
    def cancelled(self, value: bool) -> None:
        self._cancelled = value

    def pending(self) -> Sequence[int]:
        return self.request.prompt_token_ids[self.fed :]

    def take(self, count: int, logits: torch.Tensor) -> bool:
        self.fed += count
        if not self.pending():
            self._first = logits.float().log_softmax(-1)
        return False

    def chooser(self, count: int) -> Sampler | None:
        return None

    def take_token(self, token: int) -> bool:
        raise NotImplementedError

    def branching(self) -> Sequence[Sequence[int]]:
        done = len(self._part[1])
        row = self.request.continuations[len(self._scores)]
        most = max(1, SCORED_LOGITS // self._speaker.vocabulary)
        self.stays = bool(done) or len(row) > most
        self._batch = [row[done : done + most]] if self.stays else self._next_batch()
        longest = max(1, *(len(row) for row in self._batch))
        return [[*row, *[0] * (longest - len(row))] for row in self._batch]

    def take_branches(self, logits: torch.Tensor) -> bool:
        table = logits.float().log_softmax(-1)
        ends = table[..., list(self._speaker.end_tokens)].logsumexp(-1).tolist()
        for fed, row_table, row_ends in zip(self._batch, table, ends, strict=True):
            row = self.request.continuations[len(self._scores)]
            logprobs, eos_logprobs = self._part
            following = row[len(eos_logprobs) + 1 : len(eos_logprobs) + len(fed) + 1]
            logprobs += row_table[range(len(following)), list(following)].tolist()
            eos_logprobs += row_ends[: len(fed)]
            self.fed += len(fed) if self.stays else 0
            if len(eos_logprobs) == len(row):
                first = [float(self._first[row[0]])] if row else []
                self._scores.append(ContinuationLogprobs((*first, *logprobs), tuple(eos_logprobs)))
                self._part = [], []
                self.fed = len(self.request.prompt_token_ids)
        if len(self._scores) < len(self.request.continuations):
            return False
        with contextlib.suppress(InvalidStateError):  # its task may be cancelled at any moment
            self._future.set_result(self._scores)
        return True

    def end_as_cancelled(self) -> None:
        self._future.cancel()

    def fail(self, error: PlaygroundError) -> None:
        with contextlib.suppress(InvalidStateError):
            self._future.set_exception(error)

    def _next_batch(self) -> list[Sequence[int]]:
        """As many of the next continuations, in their order, as stay within the bounds; at least one."""
        batch: list[Sequence[int]] = []
        longest = 1
        for row in self.request.continuations[len(self._scores) :]:
            longest = max(longest, len(row))
            size = len(batch) + 1
            if batch and size * (self.fed + longest) > SCORED_TOKENS:
                break
            if batch and size * longest > min(SCORED_AT_ONCE, SCORED_LOGITS // self._speaker.vocabulary):
                break
            batch.append(row)
        return batch


def _deadline(request: GenerateRequest | LogprobsRequest) -> float:
    return math.inf if request.deadline_s is None else time.monotonic() + request.deadline_s
