"""What an adapter does to the built-in tasks, asked once more: of all items, or at another strength."""

from collections.abc import Sequence
from typing import Any

from playground.adapters.store import AdapterStore
from playground.evaluation.forgetting import TaskScore, baseline_cache, items, measure_forgetting
from playground.evaluation.verdict import with_skills
from playground.protocol.model import ModelHost
from playground.service.adapters import AdapterService

PATIENCE_S = 20 * 60.0
"""A slow model takes minutes for all items; nothing takes for ever."""


class SkillService:
    """Adapters of their owner, on the live model."""

    def __init__(self, host: ModelHost, store: AdapterStore, adapters: AdapterService) -> None:
        self._host, self._store, self._adapters = host, store, adapters

    @property
    def items_of_each(self) -> int:
        """How many items each task has."""
        every = items()
        return len(every) // len({item.task for item in every})

    async def measure_all(self, owner: str, adapter: str) -> None:
        """Ask all items, however long it takes, and keep what that shows with the adapter. Raises `PlaygroundError`."""
        skills = await self._measure(owner, adapter, 1.0)
        report: dict[str, Any] = dict(self._adapters.get(owner, adapter).report)
        report["skills"] = [skill.to_dict() for skill in skills]
        report["verdict"] = with_skills(report.get("verdict", ()), skills)
        self._store.note_report(owner, adapter, report)

    async def at_strength(self, owner: str, adapter: str, strength: float) -> Sequence[TaskScore]:
        """What it does there. Raises `PlaygroundError`."""
        return await self._measure(owner, adapter, strength)

    async def _measure(self, owner: str, adapter: str, strength: float) -> Sequence[TaskScore]:
        taught = await self._adapters.client(owner, adapter, strength)
        info = self._host.info
        cache = baseline_cache(self._store.data.base_answers, f"{info.fingerprint} {info.quantization}")
        return await measure_forgetting((self._host.client(owner), taught), cache, PATIENCE_S)
