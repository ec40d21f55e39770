"""Holds the live model in this process; the only place that makes an engine or closes one."""

import gc
import logging
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from playground.adapters.check import largest_adapter_bytes
from playground.engine.llm_engine import LLMEngine
from playground.errors import BusyError, ModelError, PlaygroundError
from playground.memory import free_beside, give_back
from playground.models.loader import LoadedModel, inspect_model, load_model
from playground.models.quantization import weight_shapes
from playground.models.quantized_cache import QuantizedCache
from playground.process import in_own_thread
from playground.protocol.client import SamplingClient
from playground.protocol.engine import EngineStatus, SwapReceipt
from playground.protocol.messages import BASE
from playground.protocol.model import HostState, ModelInfo, Quantization, Tokenizer
from playground.sentence import N_

log = logging.getLogger(__name__)

MAX_DRAIN_S = 600.0
"""How long requests that are running may take to end before the model changes: as long as a request may last."""
_LOOK_S = 0.05
_SHARE, _ROOM_BYTES = 0.75, 2**30
"""Of the free memory, what a second model may take in all, and what of it is for its cache of tokens and adapters."""
_CHANGING = N_("The model was being changed meanwhile. Try again.")


@dataclass(frozen=True, slots=True)
class _Served:
    """What belongs together, and is exchanged as one: nobody may read with one model's tokenizer for another."""

    info: ModelInfo
    tokenizer: Tokenizer
    engine: LLMEngine | None
    """None while the next model is being loaded."""


class LocalModelHost:
    """Implements `protocol.ModelHost`."""

    def __init__(
        self,
        loaded: LoadedModel,
        cache: QuantizedCache | None = None,
        kernel_cache: Path | None = None,
        on_spoiled: Callable[[], None] = lambda: None,
    ) -> None:
        """Start the engine on a loaded model; raises `ModelError`. Later ones are loaded through `cache`;
        `kernel_cache` and `on_spoiled` are `LLMEngine`'s."""
        self._cache, self._kernel_cache, self._on_spoiled = cache, kernel_cache, on_spoiled
        self._changing, self._closing = threading.Lock(), threading.Event()
        self._closer = ThreadPoolExecutor(1, thread_name_prefix="old model")
        self._threads = 0
        self._leaving: Future[None] | None = None
        """The model from before, where its last requests may still run."""
        self._subscribers: list[Callable[[ModelInfo], None]] = []
        self._served = self._serve(loaded)
        self._state = HostState(phase="ready", generation=1)

    @property
    def info(self) -> ModelInfo:
        return self._served.info

    @property
    def tokenizer(self) -> Tokenizer:
        return self._served.tokenizer

    def state(self) -> HostState:
        return self._state

    def status(self) -> EngineStatus:
        engine = self._served.engine
        return engine.status() if engine else EngineStatus(0, 0, ())

    def client(self, owner: str = "", adapter: str = BASE, strength: float = 1.0) -> SamplingClient:
        served = self._served
        if served.engine is None or self._state.phase == "draining":
            raise self._busy()
        return SamplingClient(served.info, served.tokenizer, served.engine, adapter, strength, owner)

    def load_adapter(self, key: str, folder: Path) -> SwapReceipt:
        return self._live().load_adapter(key, folder)

    def unload_adapter(self, key: str) -> None:
        self._live().unload_adapter(key)

    def forget_owner(self, owner: str) -> None:
        if engine := self._served.engine:
            engine.forget_owner(owner)

    def load(self, model: str, quantization: Quantization = "auto") -> ModelInfo:
        """Change the model: find its files while the old one answers, then load it beside that one, if both fit, or let
        what runs end first."""
        with self._changing:
            if self._leaving:
                self._leaving.result()
            before = self._served.info
            try:
                in_own_thread(lambda: self._change(model, quantization))
            except Exception as error:
                failure = _as_model_error(error, model)
                if self._served.engine is None:
                    _let_go(error)
                    self._served = in_own_thread(lambda: self._load(before.id, before.quantization))
                self._state = HostState(phase="ready", generation=self._state.generation, failed=failure.sentence)
                raise failure from error
            self._state = HostState(phase="ready", generation=self._state.generation + 1)
            for changed in self._subscribers:
                changed(self._served.info)
            return self._served.info

    def subscribe(self, changed: Callable[[ModelInfo], None]) -> None:
        self._subscribers.append(changed)

    def set_threads(self, threads: int) -> None:
        """Also while no model is loaded: then the next one begins with so many."""
        self._threads = threads
        if engine := self._served.engine:
            engine.set_threads(threads)

    def close(self) -> None:
        """Stop the engine; what runs or waits fails with a sentence. May be called twice."""
        self._closing.set()
        self._closer.shutdown()
        if engine := self._served.engine:
            engine.close()

    def _live(self) -> LLMEngine:
        engine = self._served.engine
        if engine is None:
            raise self._busy()
        return engine

    def _busy(self) -> BusyError:
        return BusyError("The model is being changed to {model}. Try again in a minute.", model=self._state.target)

    def _change(self, model: str, quantization: Quantization) -> None:
        self._enter("downloading", model)
        found = inspect_model(model)
        if fits_beside(found.folder):
            self._enter("loading", model)
            before, self._served = self._served, self._load(found.id, quantization)
            if before.engine:
                self._closer.submit(self._close_when_idle, before.engine)
                self._leaving = self._closer.submit(_free_memory)  # by then the task above holds the engine no more
            return
        self._enter("draining", model)
        self._drain(self._live())
        self._enter("loading", model)
        self._stop_serving()
        self._served = self._load(found.id, quantization)

    def _enter(self, phase: Literal["downloading", "draining", "loading"], target: str) -> None:
        self._state = HostState(phase=phase, generation=self._state.generation, target=target)

    def _drain(self, engine: LLMEngine) -> None:
        for _ in range(round(MAX_DRAIN_S / _LOOK_S)):
            status = engine.status()
            if (not status.running and not status.queue) or self._closing.wait(_LOOK_S):
                return
        log.warning("requests were still running after %s s; the model is changed all the same", MAX_DRAIN_S)

    def _close_when_idle(self, engine: LLMEngine) -> None:
        """Let what was asked of the model from before end on it, beside the new one."""
        self._drain(engine)
        engine.close(_CHANGING)

    def _stop_serving(self) -> None:
        """Let go of the model, so that its memory is free for the next one."""
        engine = self._served.engine
        self._served = replace(self._served, engine=None)
        if engine:
            engine.close(_CHANGING)
        del engine
        _free_memory()

    def _load(self, model: str, quantization: Quantization) -> _Served:
        return self._serve(load_model(model, quantization, cache=self._cache))

    def _serve(self, loaded: LoadedModel) -> _Served:
        largest = largest_adapter_bytes(weight_shapes(loaded.model))  # the engine changes the layers
        engine = LLMEngine(loaded, kernel_cache=self._kernel_cache, on_spoiled=self._on_spoiled)
        if self._threads:
            engine.set_threads(self._threads)
        give_back()  # what was tried out while the fastest kernels were looked for
        completed = {
            "max_adapter_bytes": largest,
            "max_adapter_numbers": engine.max_adapter_numbers,
            "context_length": engine.context_length,
            "one_at_a_time": engine.one_at_a_time,
            "memory_gib": engine.memory_bytes / 2**30,
            "kernels": engine.kernels,
        }
        return _Served(loaded.info.model_copy(update=completed), loaded.tokenizer, engine)


def fits_beside(folder: Path) -> bool:
    """Whether a second model can be loaded beside the first: its files are at most twice the bytes that its weights
    take, and with what its kernels hold, while they are measured, it is less than three times as much."""
    free = torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else free_beside()
    files = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return 3 * files + _ROOM_BYTES <= _SHARE * free


def _as_model_error(error: Exception, model: str) -> ModelError:
    """The error in its own words where it was written for people."""
    if isinstance(error, ModelError):
        return error
    if isinstance(error, PlaygroundError):
        return ModelError(error.sentence)
    log.error("changing the model to %s failed", model, exc_info=error)
    return ModelError(
        "{model} cannot be loaded; its files may be damaged or of an unknown kind ({reason}).",
        model=model,
        reason=type(error).__name__,
    )


def _let_go(error: BaseException | None) -> None:
    """Free what the frames of an error hold: a half-loaded model would leave no room for the one from before."""
    while error:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
    _free_memory()


def _free_memory() -> None:
    gc.collect()
    give_back()
