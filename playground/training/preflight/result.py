"""What preflight is asked, and what it answers: plain values."""

import secrets
import time
from dataclasses import dataclass

from playground.protocol.model import Quantization
from playground.training.config import TrainingConfig
from playground.training.preflight.shrink import fits
from playground.training.spec import StoredExamples, TrainingSpec


@dataclass(frozen=True, slots=True)
class PreflightResult:
    """What a run with `values` takes: `seconds` from its start to its end, of which `start_s` are over before the first
    step, `peak_bytes` of the worker at most.

    `peak_bytes` is None where not even the trial found enough, and `seconds` 0 where the memory does not do.
    `token_bytes` is what each further token of a batch takes, 0 where it was not seen. `longest` is the longest row in
    tokens, as cut off.
    """

    values: TrainingConfig
    free_bytes: int
    peak_bytes: int | None = None
    token_bytes: float = 0.0
    seconds: float = 0.0
    start_s: float = 0.0
    num_steps: int = 0
    num_rows: int = 0
    num_truncated: int = 0
    longest: int = 0
    trained_share: float = 0.0

    @property
    def fits(self) -> bool:
        return self.peak_bytes is not None and fits(self.peak_bytes, self.free_bytes)

    def rules_out(self, values: TrainingConfig) -> bool:
        """Whether these smaller values cannot fit either, going by what a token takes."""
        mine = self.values
        if self.peak_bytes is None or not self.token_bytes or mine.r != values.r:
            return False
        if mine.gradient_checkpointing != values.gradient_checkpointing:
            return False
        saved = self.token_bytes * (self._tokens(mine) - self._tokens(values))
        return not fits(self.peak_bytes - saved, self.free_bytes)

    def _tokens(self, values: TrainingConfig) -> int:
        """In a batch of the longest rows."""
        return min(values.per_device_train_batch_size, self.num_rows) * min(values.max_length, self.longest)


@dataclass(frozen=True, slots=True)
class PreflightRequest:
    """What is to be tried: the examples of a run, and the spec's part that does not change."""

    spec: TrainingSpec
    train: StoredExamples
    held_out: StoredExamples

    def is_like(self, other: "PreflightRequest") -> bool:
        """Whether a process that tried one can try the other."""
        mine, its = self.spec, other.spec
        return (mine.owner, mine.model, mine.quantization) == (its.owner, its.model, its.quantization) and (
            self.train,
            self.held_out,
        ) == (other.train, other.held_out)


def preflight_request(
    owner: str, train: StoredExamples, held_out: StoredExamples, *, model: str, quantization: Quantization
) -> PreflightRequest:
    """What a run of this owner over these examples would be tried with."""
    spec = TrainingSpec(
        job_id=secrets.token_hex(8),
        owner=owner,
        name="",
        model=model,
        quantization=quantization,
        base_fingerprint="",
        created=round(time.time(), 3),
    )
    return PreflightRequest(spec, train, held_out)
