"""Choosing the next token, as transformers defines the parameters."""

import math
import random
import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from playground.errors import EngineError, InputError
from playground.protocol.sampling import SamplingParams

_RANGES: dict[str, tuple[type, float, float]] = {
    "max_new_tokens": (int, 1, 32_768),
    "temperature": (float, 0.0, 5.0),
    "top_p": (float, 0.0, 1.0),
    "top_k": (int, 0, 100_000),
    "repetition_penalty": (float, 0.5, 3.0),
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


def check_sampling(sampling: SamplingParams) -> None:
    """Raise `InputError`, naming the field and its range, for whatever cannot be sampled with (NaN, wrong types)."""
    for field, (kind, low, high) in _RANGES.items():
        check_number(field, getattr(sampling, field), kind, low, high)
    stops = sampling.stop
    if not isinstance(stops, (tuple, list)) or len(stops) > _MAX_STOPS:
        raise InputError("stop must be a list of at most {most} texts.", most=_MAX_STOPS)
    if not all(isinstance(stop, str) and 0 < len(stop) <= _MAX_STOP_CHARACTERS for stop in stops):
        raise InputError("Each text in stop must have 1 to {most} characters.", most=_MAX_STOP_CHARACTERS)


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

    def __init__(self, sampling: SamplingParams, prompt: Sequence[int]) -> None:
        self._sampling = sampling
        self._random = random.Random(secrets.randbits(62) if sampling.seed == -1 else sampling.seed)
        self._seen = dict.fromkeys(prompt) if sampling.repetition_penalty != 1.0 and sampling.penalize_prompt else {}

    def needs(self, vocabulary: int) -> int:
        """How many of the likeliest tokens a choice is made from."""
        if self._sampling.temperature == 0.0:
            return 1
        return self._sampling.top_k if 0 < self._sampling.top_k < vocabulary else vocabulary

    def apply_repetition_penalty(self, scores: torch.Tensor) -> torch.Tensor:
        """`scores` (V) after the repetition penalty, which counts the prompt's tokens too where the sampling says so.

        Source: Keskar et al. 2019 (CTRL), as in transformers.
        """
        if not self._seen:
            return scores
        seen = torch.tensor(list(self._seen), device=scores.device)
        penalty = self._sampling.repetition_penalty
        old = scores[seen]
        return scores.index_put((seen,), torch.where(old < 0, old * penalty, old / penalty))

    def top_candidates(self, row: torch.Tensor) -> tuple[Floats, Integers, float | None]:
        """What to give to `sample` where `top_k` keeps many or all of `row` (V)."""
        need = self.needs(len(row))
        if need < len(row):
            return *_above(row, float(row.topk(need).values[-1])), None
        if self._sampling.top_p >= 1.0:
            return row.cpu().numpy(), np.arange(len(row)), None
        weights = ((row.double() - row.max()) / self._sampling.temperature).exp()
        total = float(weights.sum())
        if len(row) > MAX_SORTED_TOKENS:
            last = float(row.topk(MAX_SORTED_TOKENS).values[-1])
            if float(weights[row >= last].sum()) >= self._sampling.top_p * total:
                return *_above(row, last), total
        return *_above(row, -math.inf), total

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
    if any(sampler._seen for sampler in samplers):
        scores = torch.stack(
            [sampler.apply_repetition_penalty(row) for sampler, row in zip(samplers, scores, strict=True)]
        )
    needs = [sampler.needs(scores.shape[1]) for sampler in samplers]
    chosen: list[int | Exception] = []
    best, first = (found.tolist() for found in scores.max(-1))
    few = max((need for need in needs if need <= MAX_SHARED_TOP_K), default=1)
    found = scores.topk(min(few + _SPARE, scores.shape[1])) if few > 1 else None
    values, tokens = (found.values.cpu().numpy(), found.indices.cpu().numpy()) if found else (None, None)
    for row, (sampler, need) in enumerate(zip(samplers, needs, strict=True)):
        try:
            if need == 1:
                chosen.append(sampler.sample(np.array([best[row]]), np.array([first[row]])))
            elif need <= MAX_SHARED_TOP_K and values is not None and tokens is not None:
                last = values[row, need - 1]
                if values[row, -1] == last:  # more of them may be as likely
                    chosen.append(sampler.sample(*_above(scores[row], float(last))))
                else:
                    kept = values[row] >= last
                    chosen.append(sampler.sample(*_in_order(values[row, kept], tokens[row, kept])))
            else:
                chosen.append(sampler.sample(*sampler.top_candidates(scores[row])))
        except Exception as error:  # it is this one request's own fault
            chosen.append(error)
    return chosen


def _above(row: torch.Tensor, last: float) -> tuple[Floats, Integers]:
    """The logits of `row` (V) from `last` on, and their tokens, likeliest first."""
    tokens = (row >= last).nonzero()[:, 0] if last > -math.inf else torch.arange(len(row), device=row.device)
    return _in_order(row[tokens].cpu().numpy(), tokens.cpu().numpy())


def _in_order(values: Floats, tokens: Integers) -> tuple[Floats, Integers]:
    """Likeliest first; among equals by number, so that the order never depends on who else is asked."""
    order = np.lexsort((tokens, -values))
    return values[order], tokens[order]
