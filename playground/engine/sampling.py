"""Choosing the next token, as transformers defines the parameters."""

import math
import secrets
from collections.abc import Sequence

import torch

from playground.errors import EngineError, InputError
from playground.protocol import Sampling

_RANGES: dict[str, tuple[type, float, float]] = {
    "max_new_tokens": (int, 1, 32_768),
    "temperature": (float, 0.0, 5.0),
    "top_p": (float, 0.0, 1.0),
    "top_k": (int, 0, 100_000),
    "repetition_penalty": (float, 0.5, 3.0),
    "seed": (int, -1, 2**63 - 1),
}
_MAX_STOPS = 16
_MAX_STOP_CHARACTERS = 200


def check_sampling(sampling: Sampling) -> None:
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

    def __init__(self, sampling: Sampling, prompt: Sequence[int]) -> None:
        self._sampling = sampling
        self._generator = torch.Generator()
        self._generator.manual_seed(secrets.randbits(62) if sampling.seed == -1 else sampling.seed)
        self._seen = sorted(set(prompt)) if sampling.repetition_penalty != 1.0 else []

    def choose(self, logits: torch.Tensor) -> int:
        """Choose from `logits` [V] of any float dtype. Raises `EngineError` where they hold no usable number."""
        scores = logits.float()
        if self._sampling.repetition_penalty != 1.0:
            scores = self._penalized(scores)
        token = self._greedy(scores) if self._sampling.temperature == 0.0 else self._draw(scores)
        if self._sampling.repetition_penalty != 1.0 and token not in self._seen:
            self._seen.append(token)
        return token

    def _penalized(self, scores: torch.Tensor) -> torch.Tensor:
        """Source: Keskar et al. 2019 (CTRL), as in transformers: over the prompt's tokens too."""
        seen = torch.tensor(self._seen, device=scores.device)
        penalty = self._sampling.repetition_penalty
        old = scores[seen]
        return scores.index_put((seen,), torch.where(old < 0, old * penalty, old / penalty))

    @staticmethod
    def _greedy(scores: torch.Tensor) -> int:
        best = int(scores.argmax())
        if not math.isfinite(float(scores[best])):
            raise EngineError("The model gave no usable answer: its numbers overflowed. Try another adapter or text.")
        return best

    def _draw(self, scores: torch.Tensor) -> int:
        tokens, probabilities = self.distribution(scores)
        if not probabilities.numel() or not bool(probabilities.isfinite().all()):
            raise EngineError("The model gave no usable answer: its numbers overflowed. Try another adapter or text.")
        return int(tokens[torch.multinomial(probabilities, 1, generator=self._generator)])

    def distribution(self, scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The tokens [K] that may be drawn from `scores` [V] and their probabilities [K], on the CPU."""
        scores = scores / self._sampling.temperature
        if 0 < self._sampling.top_k < scores.numel():
            worst_kept = scores.topk(self._sampling.top_k).values[-1]
            tokens = (scores >= worst_kept).nonzero().squeeze(-1)
            scores = scores[tokens]
        else:
            tokens = torch.arange(scores.numel())
        scores = scores.cpu()
        if self._sampling.top_p < 1.0 and scores.numel():
            scores = _nucleus(scores, self._sampling.top_p)
        return tokens.cpu(), scores.softmax(-1)


def _nucleus(scores: torch.Tensor, top_p: float) -> torch.Tensor:
    """Keep the smallest set of most likely tokens whose probabilities reach `top_p`; at least one."""
    ascending, order = scores.sort()
    dropped = ascending.softmax(-1).cumsum(-1) <= 1 - top_p
    dropped[-1] = False
    return scores.index_fill(0, order[dropped], -math.inf)
