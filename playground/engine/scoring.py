"""Log-probabilities of continuations: the prompt is computed once, then rows of continuations go on from its slot."""

import contextlib
import uuid
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError

import torch

from playground.engine.sequence import ServedModel, TokenSequence
from playground.errors import PlaygroundError
from playground.protocol.requests import ContinuationLogprobs, LogprobsRequest

MAX_SCORING_KV_TOKENS = 4096
"""Rows times (prompt + continuation) of one scoring pass, a bound on its keys and values."""
MAX_SCORING_TOKENS = 512
"""Rows times continuation of one scoring pass, a bound on how long others wait for it."""
MAX_SCORING_LOGITS = 2**24
"""Rows times tokens times vocabulary of one scoring pass, a bound on its logits (64 MiB in fp32)."""


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
        self._after_prompt = torch.empty(0)
        """Log-probabilities (V) of what follows the prompt."""
        self._rows: list[Sequence[int]] = []
        self._scores: list[ContinuationLogprobs] = []
        self._part: tuple[list[float], list[float]] = [], []
        """The scores of the part of a long continuation that is in the slot."""

    def computed_tokens(self) -> Sequence[int]:
        return self.request.prompt_token_ids[: self.num_computed_tokens]

    def uncomputed_tokens(self) -> Sequence[int]:
        return self.request.prompt_token_ids[self.num_computed_tokens :]

    def advance(self, num_tokens: int, logits: torch.Tensor) -> None:
        self.num_computed_tokens += num_tokens
        if not self.uncomputed_tokens():
            self._after_prompt = logits.float().log_softmax(-1)

    def rows_to_score(self) -> Sequence[Sequence[int]]:
        """Texts of one length to go on with, each by itself, once the prompt is computed."""
        done = len(self._part[1])
        row = self.request.continuations[len(self._scores)]
        most = max(1, MAX_SCORING_LOGITS // self._served.vocabulary)
        self.writes_kv = bool(done) or len(row) > most
        self._rows = [row[done : done + most]] if self.writes_kv else self._next_rows()
        longest = max(1, *(len(row) for row in self._rows))
        return [[*row, *[0] * (longest - len(row))] for row in self._rows]

    def take_scores(self, logits: torch.Tensor) -> bool:
        """`logits` (rows, tokens, V) follow each token of each row. True once finished."""
        logprobs = logits.float().log_softmax(-1)
        ends = logprobs[..., list(self._served.eos_token_ids)].logsumexp(-1).tolist()
        for row, table, row_ends in zip(self._rows, logprobs, ends, strict=True):
            self._add_part(row, table, row_ends)
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

    def _add_part(self, scored: Sequence[int], table: torch.Tensor, ends: list[float]) -> None:
        """`scored` is the next continuation, or the next part of it; `table` (tokens, V) follows its tokens."""
        row = self.request.continuations[len(self._scores)]
        logprobs, eos_logprobs = self._part
        following = row[len(eos_logprobs) + 1 : len(eos_logprobs) + len(scored) + 1]
        logprobs += table[range(len(following)), list(following)].tolist()
        eos_logprobs += ends[: len(scored)]
        self.num_computed_tokens += len(scored) if self.writes_kv else 0
        if len(eos_logprobs) == len(row):
            first = [float(self._after_prompt[row[0]])] if row else []
            self._scores.append(ContinuationLogprobs((*first, *logprobs), tuple(eos_logprobs)))
            self._part = [], []
            self.num_computed_tokens = len(self.request.prompt_token_ids)

    def _next_rows(self) -> list[Sequence[int]]:
        """As many of the next continuations, in their order, as stay within the bounds; at least one."""
        rows: list[Sequence[int]] = []
        longest = 1
        for row in self.request.continuations[len(self._scores) :]:
            longest = max(longest, len(row))
            size = len(rows) + 1
            if rows and size * (self.num_computed_tokens + longest) > MAX_SCORING_KV_TOKENS:
                break
            if rows and size * longest > min(MAX_SCORING_TOKENS, MAX_SCORING_LOGITS // self._served.vocabulary):
                break
            rows.append(row)
        return rows
