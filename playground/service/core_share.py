"""How many cores a training may use beside the live model."""

import time

from playground.process import all_cores, worker_threads
from playground.protocol.model import ModelHost

HOLD_S = 2.0
"""For so long after an answer its visitor may ask again, and finds half of the cores free."""


class CoreShare:
    """All cores while nobody asks the live model anything, half of them as soon as somebody does."""

    def __init__(self, host: ModelHost) -> None:
        self._host = host
        self._asked = -HOLD_S

    def threads(self) -> int:
        """CPU threads for a training now."""
        now, status = time.monotonic(), self._host.status()
        if status.running or status.queue:
            self._asked = now
        return worker_threads() if now - self._asked < HOLD_S else all_cores()
