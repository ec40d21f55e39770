"""Holds the live model in this process; the only place that makes an engine or closes one."""

import gc
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from playground.adapters.check import largest_adapter_bytes
from playground.engine.llm_engine import LLMEngine
from playground.errors import BusyError, ModelError
from playground.models.loader import LoadedModel, load_model
from playground.models.resolve import resolve_model
from playground.models.weights import weight_shapes
from playground.protocol.client import SamplingClient
from playground.protocol.engine import EngineStatus, SwapReceipt
from playground.protocol.messages import BASE
from playground.protocol.model import HostState, ModelInfo, Quantization, Tokenizer

log = logging.getLogger(__name__)

MAX_DRAIN_S = 600.0
"""How long requests that are running may take to end before the model changes: as long as a request may last."""
_LOOK_S = 0.05


class LocalModelHost:
    """Implements `protocol.ModelHost`."""

    def __init__(self, loaded: LoadedModel) -> None:
        """Start the engine on a loaded model; raises `ModelError`."""
        self._changing = threading.Lock()
        self._subscribers: list[Callable[[ModelInfo], None]] = []
        self._engine: LLMEngine | None = None
        self._open(loaded)
        self._state = HostState(phase="ready", generation=1)

    @property
    def info(self) -> ModelInfo:
        return self._info

    @property
    def tokenizer(self) -> Tokenizer:
        return self._tokenizer

    def state(self) -> HostState:
        return self._state

    def status(self) -> EngineStatus:
        return self._engine.status() if self._engine else EngineStatus(0, 0, ())

    def client(self, owner: str = "", adapter: str = BASE, strength: float = 1.0) -> SamplingClient:
        if self._state.phase == "draining":
            raise self._busy()
        return SamplingClient(self._info, self._tokenizer, self._live(), adapter, strength, owner)

    def load_adapter(self, key: str, folder: Path) -> SwapReceipt:
        return self._live().load_adapter(key, folder)

    def unload_adapter(self, key: str) -> None:
        self._live().unload_adapter(key)

    def load(self, model: str, quantization: Quantization = "auto") -> ModelInfo:
        """Change the model: find its files while the old one answers, let what runs end, then load."""
        with self._changing:
            before = self._info
            try:
                self._enter("downloading", model)
                found = resolve_model(model)
                self._enter("draining", model)
                self._drain()
                self._enter("loading", model)
                self._close()
                self._open(load_model(found.id, quantization))
            except ModelError as error:
                if self._engine is None:
                    self._open(load_model(before.id, before.quantization))
                self._state = self._next(failed=str(error))
                raise
            self._state = self._next()
            for changed in self._subscribers:
                changed(self._info)
            return self._info

    def subscribe(self, changed: Callable[[ModelInfo], None]) -> None:
        self._subscribers.append(changed)

    def set_threads(self, threads: int) -> None:
        self._live().set_threads(threads)

    def close(self) -> None:
        """Stop the engine; what runs or waits fails with a sentence. May be called twice."""
        if self._engine:
            self._engine.close()

    def _live(self) -> LLMEngine:
        if self._engine is None:
            raise self._busy()
        return self._engine

    def _busy(self) -> BusyError:
        return BusyError("The model is being changed to {model}. Try again in a minute.", model=self._state.target)

    def _enter(self, phase: Literal["downloading", "draining", "loading"], target: str) -> None:
        self._state = HostState(phase=phase, generation=self._state.generation, target=target)

    def _next(self, failed: str = "") -> HostState:
        return HostState(phase="ready", generation=self._state.generation + 1, failed=failed)

    def _drain(self) -> None:
        pause = threading.Event()
        for _ in range(round(MAX_DRAIN_S / _LOOK_S)):
            status = self.status()
            if not status.running and not status.queue:
                return
            pause.wait(_LOOK_S)
        log.warning("requests were still running after %s s; the model is changed all the same", MAX_DRAIN_S)

    def _close(self) -> None:
        """Let go of the model, so that its memory is free for the next one."""
        engine, self._engine = self._live(), None
        engine.close()
        del engine
        gc.collect()

    def _open(self, loaded: LoadedModel) -> None:
        self._engine = LLMEngine(loaded)
        self._tokenizer: Tokenizer = loaded.tokenizer
        self._info = loaded.info.model_copy(
            update={
                "context_length": self._engine.context_length,
                "max_adapter_bytes": largest_adapter_bytes(weight_shapes(loaded.info.folder)),
            }
        )
