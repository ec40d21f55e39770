"""How often something may be done by each of many: a bucket of tokens for each, which fills up again with time."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MAX_BUCKETS = 10_000
"""Whoever was seen longest ago is forgotten first; with so many a bucket has filled up again."""


class TokenBuckets:
    """At most `burst` at once, and one more every `every_s` seconds. Thread-safe."""

    def __init__(self, burst: int, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._every_s = every_s
        self._clock = clock
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """For each the tokens that were left, and when."""

    def take(self, name: str) -> float:
        """Take a token; returns 0.0, or the seconds until there is one."""
        now = self._clock()
        with self._lock:
            left, then = self._left.pop(name, (float(self._burst), now))
            left = min(float(self._burst), left + (now - then) / self._every_s)
            taken = left >= 1.0
            self._left[name] = left - taken, now
            while len(self._left) > MAX_BUCKETS:
                self._left.popitem(last=False)
        return 0.0 if taken else (1.0 - left) * self._every_s
