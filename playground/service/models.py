"""Which model is loaded, and how busy it is."""

from dataclasses import asdict
from typing import Any

from playground.protocol.model import ModelHost, ModelInfo


class ModelService:
    def __init__(self, host: ModelHost) -> None:
        self._host = host

    @property
    def info(self) -> ModelInfo:
        """The loaded model. A value: ask again at each event."""
        return self._host.info

    def status(self) -> dict[str, Any]:
        """What is loaded, where, in which precision, and how busy it is, as the API tells it."""
        info = self._host.info
        return {
            "model": info.name,
            "device": info.device,
            "quantization": info.precision,
            "memory_gib": info.memory_gib,
            "context_length": info.context_length,
            "kernels": info.kernels,
            **asdict(self._host.status()),
        }
