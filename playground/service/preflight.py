"""What a run would take, asked while a person is still choosing its values: the newest question of each owner alone."""

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import Future
from itertools import count
from typing import Protocol

from playground.training.config import TrainingConfig
from playground.training.preflight.result import PreflightRequest, PreflightResult

SETTLED_S = 0.7
"""Values that are still being typed are not tried."""
_LOOK_S = 0.4


class Trials(Protocol):
    """As `training.preflight.client.Preflight` tries values out."""

    def measure(self, sample: PreflightRequest, values: TrainingConfig) -> "Future[PreflightResult]": ...

    def fit(self, sample: PreflightRequest, values: TrainingConfig) -> "Future[PreflightResult]": ...

    def stop(self, owner: str | None = None) -> None: ...


class Question(Protocol):
    async def __call__(self) -> tuple[PreflightRequest, TrainingConfig]:
        """What to try, with which values; raises `PlaygroundError` for values that cannot be used."""


class Questions:
    """Asked in one event loop; `forget` may be called in any thread."""

    def __init__(self, trials: Trials) -> None:
        self._trials = trials
        self._newest: dict[str, int] = {}
        self._numbers = count()

    async def ask(
        self, owner: str, question: Question, smaller: bool = False
    ) -> AsyncGenerator[PreflightResult | None, None]:
        """None again and again while it is tried, so that whoever has left is noticed; then the answer.

        With `smaller` the values are changed until they fit. Ends without an answer when another question came.
        Raises what `question` raises, and `TrainingError`.
        """
        mine = self._newest[owner] = next(self._numbers)
        await asyncio.sleep(SETTLED_S)
        if self._newest.get(owner) != mine:
            return
        asked = asyncio.ensure_future(question())
        try:
            while not (await asyncio.wait({asked}, timeout=_LOOK_S))[0]:
                yield None
                if self._newest.get(owner) != mine:
                    return
            sample, values = asked.result()
        finally:
            asked.cancel()
        future = (self._trials.fit if smaller else self._trials.measure)(sample, values)
        try:
            while not future.done():
                yield None
                await asyncio.sleep(_LOOK_S)
                if self._newest.get(owner) != mine:
                    return
            yield future.result()
        finally:
            future.cancel()
            if self._newest.get(owner, mine) == mine:
                self._newest.pop(owner, None)
                if not future.done():
                    self._trials.stop(owner)

    def forget(self, owner: str) -> None:
        """Answer the owner's question no more, and keep nothing of what it was about."""
        self._newest.pop(owner, None)
        self._trials.stop(owner)
