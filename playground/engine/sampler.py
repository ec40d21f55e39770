"""Choosing the next token, as transformers defines the parameters."""

import math
import random
import secrets
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from playground.engine.structured_output import StructuredOutputMatcher
from playground.errors import EngineError, InputError
from playground.protocol.sampling import SamplingParams

_RANGES: dict[str, tuple[type, float, float]] = {
    "max_new_tokens": (int, 1, 32_768),
    "temperature": (float, 0.0, 5.0),
    "top_p": (float, 0.0, 1.0),
    "top_k": (int, 0, 100_000),
    "repetition_penalty": (float, 0.5, 3.0),
    "presence_penalty": (float, -2.0, 2.0),
    "frequency_penalty": (float, -2.0, 2.0),
    "seed": (int, -1, 2**63 - 1),
}
_MAX_STOPS = 16
MAX_SHARED_TOP_K = 512
"""Up to this `top_k`, the likeliest tokens of all requests are found at once."""
MAX_SORTED_TOKENS = 1024
"""Where `top_p` reaches no further than so many tokens, the others need not be sorted."""
_SPARE = 16
"""So many more are found at once: tokens as likely as the last one that `top_k` keeps are kept too."""

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]
_MAX_STOP_CHARACTERS = 200
_MAX_SCHEMA_CHARACTERS = 20_000


def check_sampling(sampling: SamplingParams) -> None:
    """Raise `InputError`, naming the field and its range, for whatever cannot be sampled with (NaN, wrong types)."""
    for field, (kind, low, high) in _RANGES.items():
        check_number(field, getattr(sampling, field), kind, low, high)
    stops = sampling.stop
    if not isinstance(stops, (tuple, list)) or len(stops) > _MAX_STOPS:
        raise InputError("stop must be a list of at most {most} texts.", most=_MAX_STOPS)
    if not all(isinstance(stop, str) and 0 < len(stop) <= _MAX_STOP_CHARACTERS for stop in stops):
        raise InputError("Each text in stop must have 1 to {most} characters.", most=_MAX_STOP_CHARACTERS)
    if not isinstance(sampling.json_schema, str) or len(sampling.json_schema) > _MAX_SCHEMA_CHARACTERS:
        raise InputError("The JSON schema must be a text of at most {most} characters.", most=_MAX_SCHEMA_CHARACTERS)


def check_number(field: str, value: object, kind: type, low: float, high: float) -> None:
    """Raise `InputError` unless `value` is a finite number of this kind from `low` to `high`."""
    allowed = (int,) if kind is int else (int, float)
    right_type = isinstance(value, allowed) and not isinstance(value, bool)
    if not right_type or not math.isfinite(value) or not low <= value <= high:  # type: ignore[arg-type, operator]
        raise InputError(
            "{field} is {value}; it must be a {kind} from {low} to {high}.",
            field=field,
            value=repr(value)[:40],
            kind="whole number" if kind is int else "number",
            low=low,
            high=high,
        )


class Sampler:
    """One request's choices. Draws depend on its seed and its own steps alone, never on who else is answered."""

    def __init__(
        self, sampling: SamplingParams, prompt: Sequence[int], matcher: StructuredOutputMatcher | None = None
    ) -> None:
        """`matcher` tells which tokens the structure of the answer allows."""
        self._sampling = sampling
        self._matcher = matcher
        self._counts: Counter[int] | None = (
            Counter() if sampling.presence_penalty or sampling.frequency_penalty else None
        )
        """How often the answer holds a token."""
        self._random = random.Random(secrets.randbits(62) if sampling.seed == -1 else sampling.seed)
        self._seen = dict.fromkeys(prompt) if sampling.repetition_penalty != 1.0 and sampling.penalize_prompt else {}

    def needs(self, vocabulary: int) -> int:
        """How many of the likeliest tokens a choice is made from."""
        if self._sampling.temperature == 0.0:
            return 1
        return self._sampling.top_k if 0 < self._sampling.top_k < vocabulary else vocabulary

    @property
    def adjusts(self) -> bool:
        """Whether it chooses by other logits than the model's."""
        return bool(self._seen or self._counts or self._matcher)

    def adjust(self, scores: torch.Tensor) -> torch.Tensor:
        """`scores` (V) after the penalties, and without what the structure of the answer forbids."""
        scores = self._apply_repetition_penalty(scores)
        if self._counts:
            written = torch.tensor(list(self._counts), device=scores.device)
            times = torch.tensor(list(self._counts.values()), device=scores.device)
            penalty = self._sampling.presence_penalty + self._sampling.frequency_penalty * times
            scores = scores.index_put((written,), scores[written] - penalty)
        if self._matcher:
            allowed = torch.from_numpy(self._matcher.allowed_tokens(len(scores))).to(scores.device)
            scores = scores.masked_fill(~allowed, -math.inf)
        return scores

    def _apply_repetition_penalty(self, scores: torch.Tensor) -> torch.Tensor:
        """`scores` (V) after the repetition penalty, which counts the prompt's tokens too where the sampling says so.

        Source: Keskar et al. 2019 (CTRL), as in transformers.
        """
        if not self._seen:
            return scores
        seen = torch.tensor(list(self._seen), device=scores.device)
        penalty = self._sampling.repetition_penalty
        old = scores[seen]
        return scores.index_put((seen,), torch.where(old < 0, old * penalty, old / penalty))

    def log_weights(self, row: torch.Tensor) -> torch.Tensor:
        """Of all tokens, in fp64, after the temperature: `row` (V) are their logits, and the likeliest has 0."""
        return (row.double() - row.max()) / self._sampling.temperature

    def reaches(self, share: float) -> bool:
        """Whether `top_p` lies within the likeliest tokens that have this share together."""
        return share >= self._sampling.top_p

    @property
    def cuts_by_share(self) -> bool:
        return self._sampling.top_p < 1.0

    def sample(self, values: Floats, tokens: Integers, total: float | None = None) -> int:
        """Choose among `tokens` with the logits `values`: likeliest first, unless `top_p` is 1 and all are given.

        `total` are the weights of all tokens where only those that `top_p` reaches are given. Raises `EngineError`
        where a number is missing.
        """
        best = int(values.argmax()) if len(values) else -1
        if best < 0 or not math.isfinite(values[best]):
            raise EngineError("The model gave no usable answer: its numbers overflowed. Try another adapter or text.")
        token = int(tokens[best])
        if self._sampling.temperature != 0.0:
            reached = self._distribution(values, total)
            token = int(tokens[np.searchsorted(reached, self._random.random() * reached[-1], side="right")])
        if self._sampling.repetition_penalty != 1.0:
            self._seen[token] = None
        if self._counts is not None:
            self._counts[token] += 1
        if self._matcher:
            self._matcher.accept(token)
        return token

    def _distribution(self, values: Floats, total: float | None) -> Floats:
        """What the weights of the tokens that may be drawn add up to, one after the other.

        top_p leaves the fewest likeliest tokens whose share reaches it.
        """
        weights = np.exp((values.astype(np.float64) - values.max()) / self._sampling.temperature)
        reached: Floats = weights.cumsum()
        if self._sampling.top_p < 1.0:
            kept = int((reached - weights < self._sampling.top_p * (total or reached[-1])).sum())
            reached = reached[: max(1, kept)]
        return reached


def sample_batch(samplers: Sequence[Sampler], logits: torch.Tensor) -> list[int | Exception]:
    """Choose for each row of `logits` (N, V), of any float dtype; an error takes the place of a choice that failed.

    The likeliest tokens of all rows are found at once: one by one, that would take longer than a small model's step.
    """
    scores = logits.float()
    if any(sampler.adjusts for sampler in samplers):
        scores = torch.stack(
            [sampler.adjust(row) if sampler.adjusts else row for sampler, row in zip(samplers, scores, strict=True)]
        )
    candidates = Candidates(samplers, scores)
    chosen: list[int | Exception] = []
    for row, sampler in enumerate(samplers):
        try:
            chosen.append(sampler.sample(*candidates.of(row)))
        except Exception as error:  # it is this one request's own fault
            chosen.append(error)
    return chosen


class Candidates:
    """The tokens that each row of `scores` (N, V) chooses from, fetched with one wait for the device, but for rows in
    which more are as likely as the last one that was fetched."""

    def __init__(self, samplers: Sequence[Sampler], scores: torch.Tensor) -> None:
        self._samplers, self._scores = samplers, scores
        vocabulary = scores.shape[1]
        self._needs = [sampler.needs(vocabulary) for sampler in samplers]
        few = max((need for need in self._needs if need <= MAX_SHARED_TOP_K), default=1)
        cut = [row for row, need in enumerate(self._needs) if need == vocabulary and samplers[row].cuts_by_share]
        best = scores.max(-1, keepdim=True)
        parts = [best.values, best.indices]
        if few > 1:
            found = scores.topk(min(few + _SPARE, vocabulary))
            parts += [found.values, found.indices]
        for row in cut:
            parts += self._likeliest(row)
        packed = torch.cat([part.double().flatten() for part in parts]).cpu().numpy()  # fp64 holds all of them exactly
        places = np.cumsum([0, *(part.numel() for part in parts)])
        fetched = [
            packed[start:end].reshape(part.shape)
            for start, end, part in zip(places[:-1], places[1:], parts, strict=True)
        ]
        self._best = fetched[0][:, 0].astype(np.float32), fetched[1][:, 0].astype(np.int64)
        self._few = (fetched[2].astype(np.float32), fetched[3].astype(np.int64)) if few > 1 else None
        after = 4 if few > 1 else 2
        self._cut = {row: fetched[after + 3 * at : after + 3 * at + 3] for at, row in enumerate(cut)}

    def of(self, row: int) -> tuple[Floats, Integers, float | None]:
        """What to give to `Sampler.sample`."""
        need, vocabulary = self._needs[row], self._scores.shape[1]
        if need == 1:
            return self._best[0][row : row + 1], self._best[1][row : row + 1], None
        if need <= MAX_SHARED_TOP_K and self._few:
            return *self._from(self._few[0][row], self._few[1][row], need, row), None
        if row in self._cut:
            return self._cut_by_share(row)
        if need < vocabulary:
            return *_above(self._scores[row], float(self._scores[row].topk(need).values[-1])), None
        return self._scores[row].cpu().numpy(), np.arange(vocabulary), None

    def _cut_by_share(self, row: int) -> tuple[Floats, Integers, float]:
        values, tokens, (total, share) = self._cut[row]
        values, tokens = values.astype(np.float32), tokens.astype(np.int64)
        if len(values) == self._scores.shape[1]:
            return *_in_order(values, tokens), float(total)
        if self._samplers[row].reaches(share / total):
            return *self._from(values, tokens, MAX_SORTED_TOKENS, row), float(total)
        return *_above(self._scores[row], -math.inf), float(total)

    def _likeliest(self, row: int) -> list[torch.Tensor]:
        """Logits and numbers of the likeliest tokens, and what all weigh and the first `MAX_SORTED_TOKENS` do."""
        scores = self._scores[row]
        weights = self._samplers[row].log_weights(scores).exp()
        found = scores.topk(min(MAX_SORTED_TOKENS + _SPARE, len(scores)))
        within = weights[found.indices[:MAX_SORTED_TOKENS]].sum()
        return [found.values, found.indices, torch.stack([weights.sum(), within])]

    def _from(self, values: Floats, tokens: Integers, need: int, row: int) -> tuple[Floats, Integers]:
        """Of the likeliest tokens of a row the first `need`, and all that are as likely as the last of them."""
        last = values[need - 1]
        if len(values) < self._scores.shape[1] and values[-1] == last:  # there may be more
            return _above(self._scores[row], float(last))
        kept = values >= last
        return _in_order(values[kept], tokens[kept])


def _above(row: torch.Tensor, last: float) -> tuple[Floats, Integers]:
    """The logits of `row` (V) from `last` on, and their tokens, likeliest first."""
    tokens = (row >= last).nonzero()[:, 0] if last > -math.inf else torch.arange(len(row), device=row.device)
    return _in_order(row[tokens].cpu().numpy(), tokens.cpu().numpy())


def _in_order(values: Floats, tokens: Integers) -> tuple[Floats, Integers]:
    """Likeliest first; among equals by number, so that the order never depends on who else is asked."""
    order = np.lexsort((tokens, -values))
    return values[order], tokens[order]
