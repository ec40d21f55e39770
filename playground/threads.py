"""Threads for what blocks, by what it waits for: one thing that hangs keeps only its like waiting.

asyncio's own few are left to the libraries.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


class Threads:
    """So many at most; they are started when they are needed."""

    def __init__(self, most: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=name)

    async def run(self, function: Callable[Given, Answer], *args: Given.args, **named: Given.kwargs) -> Answer:
        """What the function returns or raises."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(function, *args, **named))


quick = Threads(8, "quick")
"""A look at the disk, a small file."""
slow = Threads(8, "slow")
"""Adapters that are packed or published, and large folders."""
swaps = Threads(4, "swaps")
"""An adapter that is swapped in for a request."""
network = Threads(4, "network")
"""The model hub."""
