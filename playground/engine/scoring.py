"""Log-probabilities of continuations: the prompt is computed once, then rows of continuations go on from its slot."""

import contextlib
import uuid
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field

import torch

from playground.engine.sequence import ServedModel, TokenSequence
from playground.errors import PlaygroundError
from playground.protocol.requests import ContinuationLogprobs, LogprobsRequest

TopLogprobs = tuple[tuple[int, float], ...]
"""Tokens with their log-probabilities, the likeliest first."""


@dataclass(slots=True)
class _Part:
    """As in `ContinuationLogprobs`, but for the first token."""

    logprobs: list[float] = field(default_factory=list)
    eos_logprobs: list[float] = field(default_factory=list)
    top_logprobs: list[TopLogprobs] = field(default_factory=list)


class LogprobsSequence(TokenSequence):
    """Score continuations of one prompt, as many at once as the bounds allow.

    One that is too long for a pass goes into the slot itself, part by part; what it leaves there is written over.
    """

    request: LogprobsRequest

    def __init__(
        self, request: LogprobsRequest, future: "Future[list[ContinuationLogprobs]]", served: ServedModel
    ) -> None:
        longest = max((len(row) for row in request.continuations), default=0)
        super().__init__(request, uuid.uuid4().hex, len(request.prompt_token_ids) + longest)
        self.writes_kv = False
        """Whether the rows to score stay in the slot; only a single one can."""
        self.last_scored_step = 0
        """Counted by the scheduler."""
        self._future = future
        self._served = served
        self._likeliest_firsts: TopLogprobs = ()
        self._firsts: list[float] = []
        """Log-probabilities of the continuations' first tokens after the prompt; of one without any, no matter what."""
        self._rows: list[Sequence[int]] = []
        self._scores: list[ContinuationLogprobs] = []
        self._part = _Part()
        """The scores of the part of a long continuation that is in the slot."""

    def computed_tokens(self) -> Sequence[int]:
        return self.request.prompt_token_ids[: self.num_computed_tokens]

    def uncomputed_tokens(self) -> Sequence[int]:
        return self.request.prompt_token_ids[self.num_computed_tokens :]

    def advance(self, num_tokens: int, logits: torch.Tensor) -> None:
        self.num_computed_tokens += num_tokens
        if not self.uncomputed_tokens():
            firsts = torch.tensor([row[0] if row else 0 for row in self.request.continuations], device=logits.device)
            logprobs = logits.float().log_softmax(-1)
            self._firsts = logprobs[firsts].tolist()
            (self._likeliest_firsts,) = self._likeliest(logprobs[None])

    def restart(self) -> None:
        super().restart()
        self.writes_kv, self._part = False, _Part()

    def rows_to_score(self) -> Sequence[Sequence[int]]:
        """Texts of one length to go on with, each by itself, once the prompt is computed."""
        done = len(self._part.eos_logprobs)
        row = self.request.continuations[len(self._scores)]
        most = max(1, self._served.limits.scoring_logits // self._served.vocabulary)
        self.writes_kv = bool(done) or len(row) > most
        self._rows = [row[done : done + most]] if self.writes_kv else self._next_rows()
        longest = max(1, *(len(row) for row in self._rows))
        return [[*row, *[0] * (longest - len(row))] for row in self._rows]

    def take_scores(self, logits: torch.Tensor) -> bool:
        """`logits` (rows, tokens, V) follow each token of each row. True once finished."""
        logprobs = logits.float().log_softmax(-1)
        follow = torch.tensor([self._following(at, len(row), logits.shape[1]) for at, row in enumerate(self._rows)])
        wanted = logprobs.gather(2, follow[..., None].to(logits.device))
        eos = torch.tensor(self._served.eos_token_ids, dtype=torch.long, device=logits.device)
        ends = logprobs.index_select(-1, eos).logsumexp(-1, keepdim=True)
        scores = torch.cat((wanted, ends), 2).tolist()
        for row, own, likeliest in zip(self._rows, scores, map(self._likeliest, logprobs), strict=True):
            self._add_part(row, own, likeliest)
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

    def _following(self, at: int, num_tokens: int, length: int) -> list[int]:
        """What follows each token of the part of a continuation that stands in row `at`, filled up to a length."""
        row, done = self.request.continuations[len(self._scores) + at], len(self._part.eos_logprobs)
        following = list(row[done + 1 : done + num_tokens + 1])
        return following + [0] * (length - len(following))

    def _add_part(self, scored: Sequence[int], scores: list[list[float]], likeliest: Sequence[TopLogprobs]) -> None:
        """`scored` is the next continuation, or the next part of it; `scores` (tokens, 2) are the log-probabilities of
        the token that follows each of its tokens, and of an end there; `likeliest` what else may follow."""
        row, part = self.request.continuations[len(self._scores)], self._part
        done = len(part.eos_logprobs)
        num_following = len(row[done + 1 : done + len(scored) + 1])
        part.logprobs += [wanted for wanted, _ in scores[:num_following]]
        part.eos_logprobs += [end for _, end in scores[: len(scored)]]
        part.top_logprobs += likeliest[:num_following]
        self.num_computed_tokens += len(scored) if self.writes_kv else 0
        if len(part.eos_logprobs) == len(row):
            first = [self._firsts[len(self._scores)]] if row else []
            tops = (self._likeliest_firsts, *part.top_logprobs) if row and self.request.top_logprobs else ()
            self._scores.append(ContinuationLogprobs((*first, *part.logprobs), tuple(part.eos_logprobs), tops))
            self._part = _Part()
            self.num_computed_tokens = len(self.request.prompt_token_ids)

    def _likeliest(self, logprobs: torch.Tensor) -> list[TopLogprobs]:
        """For each row of `logprobs` (tokens, V) the likeliest tokens; none where nobody asked for them."""
        if not self.request.top_logprobs:
            return [()] * len(logprobs)
        best = logprobs.topk(min(self.request.top_logprobs, logprobs.shape[-1]))
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [tuple(zip(tokens, values, strict=True)) for tokens, values in pairs]

    def _next_rows(self) -> list[Sequence[int]]:
        """As many of the next continuations, in their order, as stay within the bounds; at least one."""
        rows: list[Sequence[int]] = []
        longest, limits = 1, self._served.limits
        for row in self.request.continuations[len(self._scores) :]:
            longest = max(longest, len(row))
            size = len(rows) + 1
            if rows and size * (self.num_computed_tokens + longest) > limits.scoring_kv_tokens:
                break
            if rows and size * longest > min(limits.scoring_tokens, limits.scoring_logits // self._served.vocabulary):
                break
            rows.append(row)
        return rows
