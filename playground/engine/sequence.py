"""One request as the engine seqs on it: what it wants to feed to the next pass, and what it makes of the logits."""

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

from playground.engine.detokenizer import Decode, IncrementalDetokenizer
from playground.engine.output_collector import RequestOutputCollector
from playground.engine.sampler import Sampler
from playground.errors import PlaygroundError
from playground.protocol.requests import (
    ContinuationLogprobs,
    FinishReason,
    GenerateRequest,
    LogprobsRequest,
    TokenLogprob,
)

MAX_PREFILL_TOKENS = 256
"""How much of prompts goes in at one pass; others wait for no more than this."""
MAX_SCORING_KV_TOKENS = 4096
"""Rows times (prompt + continuation) of one scoring pass, a bound on its keys and values."""
MAX_SCORING_TOKENS = 512
"""Rows times continuation of one scoring pass, a bound on how long others wait for it."""
MAX_SCORING_LOGITS = 2**24
"""Rows times tokens times vocabulary of one scoring pass, a bound on its logits (64 MiB in fp32)."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What every request needs of the model."""

    model: PreTrainedModel
    decode: Decode
    eos_token_ids: tuple[int, ...]
    context_length: int

    @property
    def vocabulary(self) -> int:
        return int(self.model.get_input_embeddings().num_embeddings)


class TokenSequence(Protocol):
    """A request under way; `deadline` is a monotonic time."""

    aborted: bool
    arrival_time: float
    started_at: float
    deadline: float
    request_id: str
    num_computed_tokens: int
    """How many of its tokens stand in its slot."""
    writes_kv: bool
    """Whether what branches stays at the place; only a single text can."""
    last_scored_step: int
    """When it last branched, counted by the batch."""
    max_num_tokens: int
    """How many tokens may come to stand at its place."""

    @property
    def request(self) -> GenerateRequest | LogprobsRequest: ...
    @property
    def owner(self) -> str: ...

    def uncomputed_tokens(self) -> Sequence[int]:
        """The tokens that stand next at its place."""
        ...

    def advance(self, count: int, logits: torch.Tensor) -> bool:
        """`count` pending tokens were fed, `logits` (V) follow the last of them. True once finished."""
        ...

    def sampler_for_next(self, count: int) -> Sampler | None:
        """Who chooses the token that follows `count` more tokens, if one is to follow."""
        ...

    def append_token(self, token: int) -> bool:
        """The chosen token, after `advance`. True once finished."""
        ...

    def rows_to_score(self) -> Sequence[Sequence[int]]:
        """Texts of one length to go on with, each by itself, when nothing is pending."""
        ...

    def take_scores(self, logits: torch.Tensor) -> bool:
        """`logits` (rows, tokens, V) follow each token of each text. True once finished."""
        ...

    def end_as_aborted(self) -> None: ...
    def fail(self, error: PlaygroundError) -> None: ...


class GenerateSequence:
    """Continue a prompt token by token."""

    def __init__(self, request: GenerateRequest, generation: RequestOutputCollector, served: ServedModel) -> None:
        self.request = request
        self.owner = request.owner
        self.request_id = generation.request_id
        self.aborted = False
        self.arrival_time = time.monotonic()
        self.started_at = 0.0
        self.deadline = _deadline(request)
        self.num_computed_tokens = 0
        self.writes_kv = False
        self.last_scored_step = 0
        self._generation = generation
        self._served = served
        self._tokens = list(request.prompt_token_ids)
        self._sampler = Sampler(request.sampling, request.prompt_token_ids)
        self._text = IncrementalDetokenizer(served.decode, request.prompt_token_ids, request.sampling.stop)
        self._logits = torch.empty(0)
        self._logprobs: tuple[TokenLogprob, ...] = ()
        self._told = 0
        """Characters of the text that the words hold already."""
        room = served.context_length - len(request.prompt_token_ids)
        self._most = min(request.sampling.max_new_tokens, room)
        self.max_num_tokens = len(request.prompt_token_ids) + self._most

    def uncomputed_tokens(self) -> Sequence[int]:
        return self._tokens[self.num_computed_tokens :]

    def rows_to_score(self) -> Sequence[Sequence[int]]:
        return ()

    def take_scores(self, logits: torch.Tensor) -> bool:
        raise NotImplementedError

    def advance(self, count: int, logits: torch.Tensor) -> bool:
        self.num_computed_tokens += count
        self._logits = logits
        return False

    def sampler_for_next(self, count: int) -> Sampler | None:
        return self._sampler if self.num_computed_tokens + count == len(self._tokens) else None

    def append_token(self, token: int) -> bool:
        if token in self._served.eos_token_ids:
            self._publish("stop")
            return True
        self._tokens.append(token)
        self._text.push(token)
        if self.request.top_logprobs:
            self._logprobs = (*self._logprobs, self._token_logprob(token))
        if self._text.stopped:
            self._publish("stop")
        elif len(self._tokens) - len(self.request.prompt_token_ids) >= self._most:
            self._publish("length")
        else:
            self._publish()
            return False
        return True

    def _publish(self, finish_reason: FinishReason | None = None) -> None:
        text = self._text.text if finish_reason else self._text.visible()
        if self._logprobs and len(text) > self._told:  # what was held back belongs to the word that showed its end
            last = self._logprobs[-1]
            self._logprobs = (*self._logprobs[:-1], replace(last, token=last.token + text[self._told :]))
            self._told = len(text)
        self._generation.put(
            text, len(self._tokens) - len(self.request.prompt_token_ids), finish_reason, self._logprobs
        )

    def _token_logprob(self, token: int) -> TokenLogprob:
        """The token with what it might have been; its own text comes with what of it can be shown."""
        logprobs = self._logits.float().log_softmax(-1)
        best = logprobs.topk(min(self.request.top_logprobs + 1, len(logprobs)))
        others = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        shown = [(self._served.decode([other]), logprob) for other, logprob in others if other != token]
        return TokenLogprob("", float(logprobs[token]), tuple(shown[: self.request.top_logprobs]))

    def end_as_aborted(self) -> None:
        self._generation.end_as_aborted()

    def fail(self, error: PlaygroundError) -> None:
        self._generation.fail(error)


class LogprobsSequence:
    """Score continuations of one prompt: the prompt once, then the continuations in batches that branch from it.

    One that is too long for a pass is fed to the place itself, part by part; what it leaves there is written over.
    """

    def __init__(
        self, request: LogprobsRequest, future: "Future[list[ContinuationLogprobs]]", served: ServedModel
    ) -> None:
        self.request = request
        self.owner = request.owner
        self.request_id = uuid.uuid4().hex
        self.num_computed_tokens = 0
        self.writes_kv = False
        self.last_scored_step = 0
        self.max_num_tokens = len(request.prompt_token_ids) + max(
            (len(row) for row in request.continuations), default=0
        )
        self.arrival_time = time.monotonic()
        self.started_at = 0.0
        self.deadline = _deadline(request)
        self._aborted = False
        self._future = future
        self._served = served
        self._first = torch.empty(0)
        self._batch: list[Sequence[int]] = []
        self._scores: list[ContinuationLogprobs] = []
        self._part: tuple[list[float], list[float]] = [], []
        """The scores of the fed part of a long continuation."""

    @property
    def aborted(self) -> bool:
        return self._aborted or self._future.cancelled()

    @aborted.setter
    def aborted(self, value: bool) -> None:
        self._aborted = value

    def uncomputed_tokens(self) -> Sequence[int]:
        return self.request.prompt_token_ids[self.num_computed_tokens :]

    def advance(self, count: int, logits: torch.Tensor) -> bool:
        self.num_computed_tokens += count
        if not self.uncomputed_tokens():
            self._first = logits.float().log_softmax(-1)
        return False

    def sampler_for_next(self, count: int) -> Sampler | None:
        return None

    def append_token(self, token: int) -> bool:
        raise NotImplementedError

    def rows_to_score(self) -> Sequence[Sequence[int]]:
        done = len(self._part[1])
        row = self.request.continuations[len(self._scores)]
        most = max(1, MAX_SCORING_LOGITS // self._served.vocabulary)
        self.writes_kv = bool(done) or len(row) > most
        self._batch = [row[done : done + most]] if self.writes_kv else self._next_batch()
        longest = max(1, *(len(row) for row in self._batch))
        return [[*row, *[0] * (longest - len(row))] for row in self._batch]

    def take_scores(self, logits: torch.Tensor) -> bool:
        table = logits.float().log_softmax(-1)
        ends = table[..., list(self._served.eos_token_ids)].logsumexp(-1).tolist()
        for fed, row_table, row_ends in zip(self._batch, table, ends, strict=True):
            row = self.request.continuations[len(self._scores)]
            logprobs, eos_logprobs = self._part
            following = row[len(eos_logprobs) + 1 : len(eos_logprobs) + len(fed) + 1]
            logprobs += row_table[range(len(following)), list(following)].tolist()
            eos_logprobs += row_ends[: len(fed)]
            self.num_computed_tokens += len(fed) if self.writes_kv else 0
            if len(eos_logprobs) == len(row):
                first = [float(self._first[row[0]])] if row else []
                self._scores.append(ContinuationLogprobs((*first, *logprobs), tuple(eos_logprobs)))
                self._part = [], []
                self.num_computed_tokens = len(self.request.prompt_token_ids)
        if len(self._scores) < len(self.request.continuations):
            return False
        with contextlib.suppress(InvalidStateError):  # its task may be cancelled at any moment
            self._future.set_result(self._scores)
        return True

    def end_as_aborted(self) -> None:
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
            if batch and size * (self.num_computed_tokens + longest) > MAX_SCORING_KV_TOKENS:
                break
            if batch and size * longest > min(MAX_SCORING_TOKENS, MAX_SCORING_LOGITS // self._served.vocabulary):
                break
            batch.append(row)
        return batch


def _deadline(request: GenerateRequest | LogprobsRequest) -> float:
    return math.inf if request.deadline_s is None else time.monotonic() + request.deadline_s
