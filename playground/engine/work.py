"""One request as the engine works on it: a little at a time, so that others come in between.

Whoever steps has already routed the model to the request's adapter and switched gradients off.
"""

import copy
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import torch
from transformers import DynamicCache, PreTrainedModel

from playground.engine.detokenize import Decode, GrowingText
from playground.engine.generation import LiveGeneration
from playground.engine.sampling import Sampler
from playground.errors import PlaygroundError
from playground.protocol import GenerateRequest, Score, ScoreRequest

PREFILL_TOKENS = 256
"""How much of a prompt goes in at one step; others wait for no more than this."""
SCORED_TOKENS = 4096
"""Rows times (prompt + continuation) of one scoring batch, a bound on its cache."""
SCORED_LOGITS = 2**24
"""Rows times tokens times vocabulary of one scoring pass, a bound on its logits (64 MiB in fp32)."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """What every request needs of the model."""

    model: PreTrainedModel
    decode: Decode
    end_tokens: tuple[int, ...]
    context_length: int

    def new_cache(self) -> DynamicCache:
        return DynamicCache(config=self.model.config)

    def feed(self, tokens: Sequence[Sequence[int]], cache: DynamicCache, keep: int) -> torch.Tensor:
        """Append `tokens` [B, T] to `cache`; returns the logits [B, keep, V] of the last `keep` (0 is all)."""
        ids = torch.tensor(tokens, device=self.model.device)
        out = self.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=keep)
        logits: torch.Tensor = out.logits
        return logits


class Work(Protocol):
    """A request under way."""

    cancelled: bool
    started_at: float
    request_id: str

    @property
    def request(self) -> GenerateRequest | ScoreRequest: ...
    @property
    def owner(self) -> str: ...
    @property
    def tokens_held(self) -> int: ...

    def step(self) -> bool:
        """Run one forward pass; True once finished."""
        ...

    def restart(self) -> None:
        """Throw the cache away after a failed pass; what has been generated stays."""
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
        self.started_at = 0.0
        self._generation = generation
        self._speaker = speaker
        self._tokens = list(request.tokens)
        self._fed = 0
        self._cache: DynamicCache | None = None
        self._sampler = Sampler(request.sampling, request.tokens)
        self._text = GrowingText(speaker.decode, request.tokens, request.sampling.stop)
        room = speaker.context_length - len(request.tokens)
        self._most = min(request.sampling.max_new_tokens, room)

    @property
    def tokens_held(self) -> int:
        return self._fed

    def step(self) -> bool:
        if self._cache is None:
            self._cache = self._speaker.new_cache()
        chunk = self._tokens[self._fed : self._fed + PREFILL_TOKENS]
        logits = self._speaker.feed([chunk], self._cache, keep=1)
        self._fed += len(chunk)
        if self._fed < len(self._tokens):
            return False
        return self._take(self._sampler.choose(logits[0, -1]))

    def _take(self, token: int) -> bool:
        made = len(self._tokens) - len(self.request.tokens)
        if token in self._speaker.end_tokens:
            self._generation.publish(self._text.text, made, "stop")
            return True
        self._tokens.append(token)
        self._text.push(token)
        if self._text.stopped:
            self._generation.publish(self._text.text, made + 1, "stop")
        elif made + 1 >= self._most:
            self._generation.publish(self._text.text, made + 1, "length")
        else:
            self._generation.publish(self._text.visible(), made + 1)
            return False
        return True

    def restart(self) -> None:
        self._cache, self._fed = None, 0

    def end_as_cancelled(self) -> None:
        self._generation.end_as_cancelled()

    def fail(self, error: PlaygroundError) -> None:
        self._generation.fail(error)


class ScoreWork:
    """Score continuations of one prompt: the prompt once, then the continuations in batches on its cache."""

    def __init__(self, request: ScoreRequest, future: "Future[list[Score]]", speaker: Speaker) -> None:
        self.request = request
        self.owner = request.owner
        self.request_id = ""
        self.cancelled = False
        self.started_at = 0.0
        self._future = future
        self._speaker = speaker
        self._passes = self._run()

    @property
    def tokens_held(self) -> int:
        return len(self.request.tokens)

    def step(self) -> bool:
        if self._future.cancelled():
            return True
        return next(self._passes, True)

    def restart(self) -> None:
        self._passes = self._run()

    def end_as_cancelled(self) -> None:
        self._future.cancel()

    def fail(self, error: PlaygroundError) -> None:
        if not self._future.done():
            self._future.set_exception(error)

    def _run(self) -> Iterator[bool]:
        """Yield False after every forward pass; sets the result at the end."""
        cache = self._speaker.new_cache()
        prompt = self.request.tokens
        for start in range(0, len(prompt), PREFILL_TOKENS):
            logits = self._speaker.feed([prompt[start : start + PREFILL_TOKENS]], cache, keep=1)
            yield False
        first = logits[0, -1].float().log_softmax(-1)
        scores: list[Score] = []
        for rows in _batches(self.request.continuations, len(prompt)):
            logprobs: list[list[float]] = [[float(first[row[0]])] if row else [] for row in rows]
            ends: list[list[float]] = [[] for _ in rows]
            yield from self._score_batch(rows, cache, logprobs, ends)
            scores += [Score(tuple(a), tuple(b)) for a, b in zip(logprobs, ends, strict=True)]
        if not self._future.done():
            self._future.set_result(scores)

    def _score_batch(
        self,
        rows: Sequence[Sequence[int]],
        prompt_cache: DynamicCache,
        logprobs: list[list[float]],
        ends: list[list[float]],
    ) -> Iterator[bool]:
        """Rows are padded on the right: what stands behind a token cannot change its logits."""
        longest = max(len(row) for row in rows)
        padded = [[*row, *[0] * (longest - len(row))] for row in rows]
        cache = copy.deepcopy(prompt_cache)
        cache.batch_repeat_interleave(len(rows))
        vocabulary = self._speaker.model.get_input_embeddings().num_embeddings
        piece = max(1, SCORED_LOGITS // (len(rows) * vocabulary))
        end_ids = list(self._speaker.end_tokens)
        for start in range(0, longest, piece):
            logits = self._speaker.feed([row[start : start + piece] for row in padded], cache, keep=0)
            table = logits.float().log_softmax(-1)
            end_table = table[..., end_ids].logsumexp(-1).tolist()
            for index, row in enumerate(rows):
                here = range(start, min(start + piece, len(row)))
                ends[index] += [end_table[index][position - start] for position in here]
                following = [position for position in here if position + 1 < len(row)]
                at = [position - start for position in following]
                logprobs[index] += table[index, at, [row[position + 1] for position in following]].tolist()
            yield False


def _batches(continuations: Sequence[Sequence[int]], prompt_length: int) -> Iterator[list[Sequence[int]]]:
    """Cut the continuations, in their order, into batches within `SCORED_TOKENS`; each has at least one."""
    batch: list[Sequence[int]] = []
    longest = 0
    for row in continuations:
        longest = max(longest, len(row))
        if batch and (len(batch) + 1) * (prompt_length + longest) > SCORED_TOKENS:
            yield batch
            batch, longest = [], len(row)
        batch.append(row)
    if batch:
        yield batch
