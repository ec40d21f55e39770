"""The shape of the live model, so that it may one day stand on another machine."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, Field

from playground.protocol.requests import ContinuationLogprobs, GenerateRequest, LogprobsRequest, RequestOutput


class OutputStream(Protocol):
    """A running request. Iterating yields the newest `RequestOutput`, skipping ones that the reader was too slow for;
    the last has `finish_reason` set. Leaving the loop early does not abort: call `abort`."""

    request_id: str

    def __aiter__(self) -> AsyncIterator[RequestOutput]: ...

    def abort(self) -> None: ...

    def result(self, timeout_s: float | None = None) -> RequestOutput:
        """Block until the end (for threads and scripts)."""
        ...


class SwapReceipt(BaseModel, frozen=True, populate_by_name=True):
    """Proof of a swap, from canary prompts. Stored and told under the key `largest_change`."""

    max_logit_change: float = Field(alias="largest_change")
    """Of a logit, with the adapter on: 0 means that it does nothing."""
    base_unchanged: bool
    """Whether with it off the base's logits equal, bit for bit, those from before any swap."""
    load_s: float


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What moves in an engine; what it has loaded is in `ModelInfo`."""

    running: int
    queue: int
    """Requests that wait."""
    adapters_resident: tuple[str, ...]
    prefix_cache_gib: float = 0.0
    """What is kept of finished requests, so that the next question of a chat does not read the first again; in steps
    so large that they tell nobody how much another has written."""
    step_s: float = 0.0
    """What a token takes while one request alone is answered, as the last ones did; 0.0 before the first."""
    kept_bytes: int = 0
    """What it may yet take of its GPU's free memory, for requests and adapters; 0 on CPUs, where the system takes from
    a training what the live model needs."""


class Engine(Protocol):
    """The live model. Thread-safe; `submit` returns at once and raises `BusyError`, `InputError`, `AdapterError`."""

    def submit(self, request: GenerateRequest) -> OutputStream: ...

    async def compute_logprobs(self, request: LogprobsRequest) -> list[ContinuationLogprobs]: ...

    def abort(self, request_id: str) -> None: ...

    def load_adapter(self, key: str, folder: Path) -> SwapReceipt:
        """Make the PEFT adapter in `folder` usable as `key`; blocks until swapped in. Loading a resident key again
        returns its receipt. An adapter that had to leave memory comes back by itself when a request names it."""
        ...

    def unload_adapter(self, key: str) -> None: ...

    def status(self) -> EngineStatus: ...

    def set_threads(self, threads: int) -> None:
        """Use this many CPU threads from the next step on (fewer while a training worker shares the cores)."""
        ...

    def close(self) -> None: ...
