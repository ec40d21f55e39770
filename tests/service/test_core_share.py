"""A training has all cores while nobody asks, and half as soon as somebody does."""

from dataclasses import dataclass
from typing import cast

import pytest

from playground.process import all_cores, worker_threads
from playground.protocol.engine import EngineStatus
from playground.protocol.model import ModelHost
from playground.service import core_share
from playground.service.core_share import HOLD_S, CoreShare


@dataclass
class Host:
    running: int = 0
    queue: int = 0

    def status(self) -> EngineStatus:
        return EngineStatus(self.running, self.queue, ())


def test_half_while_somebody_asks_and_a_little_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    now, host = 0.0, Host()
    monkeypatch.setattr(core_share.time, "monotonic", lambda: now)
    share = CoreShare(cast("ModelHost", host))
    assert share.threads() == all_cores()
    host.queue = 1
    assert share.threads() == worker_threads()
    host.queue, host.running, now = 0, 1, 1.0
    assert share.threads() == worker_threads()
    host.running, now = 0, 1.0 + HOLD_S / 2
    assert share.threads() == worker_threads()
    now = 1.0 + HOLD_S
    assert share.threads() == all_cores()
