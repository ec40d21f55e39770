"""Work on strangers' files, away from the live model: each piece in a process of its own, of bounded time and memory,
which ends when nobody waits for it any more."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import ParamSpec, TypeVar

from playground.errors import BusyError, PlaygroundError
from playground.sandbox.child import Child, context, warm_up
from playground.sandbox.limits import Limits
from playground.sandbox.line import CLOSING, FairLine

MAX_AT_ONCE = 2
Given = ParamSpec("Given")
Answer = TypeVar("Answer")


class Sandbox:
    """At most `MAX_AT_ONCE` children at a time, one for each address; the others wait in line. For one event loop."""

    def __init__(
        self,
        preload: Sequence[str] = (),
        limits: Limits | None = None,
        address_of: Callable[[str], str] = lambda _: "",
    ) -> None:
        """`preload` names modules that children begin with; `address_of` tells where an owner's requests come from."""
        self._how = context(preload)
        self._limits = limits or Limits()
        self._line = FairLine(MAX_AT_ONCE, address_of)
        self._threads = ThreadPoolExecutor(MAX_AT_ONCE, thread_name_prefix="sandbox")
        self._children: set[Child] = set()
        self._closed = False

    async def run(
        self, owner: str, function: Callable[Given, Answer], *args: Given.args, **named: Given.kwargs
    ) -> Answer:
        """Have a function of a module done in a child, with arguments and an answer that pickle.

        Raises the `PlaygroundError`s that it raises, `InputError` where it takes too much time or memory, and
        `BusyError` where too many wait. To cancel it kills the child.
        """
        async with self._line.place(owner):
            if self._closed:
                raise BusyError(CLOSING)
            child = Child(self._how, self._limits)
            self._children.add(child)
            work = asyncio.wrap_future(self._threads.submit(child.run, function, args, named))
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                child.kill()
                with suppress(PlaygroundError, RuntimeError):  # its place is free only once it is gone
                    await work
                raise
            finally:
                self._children.discard(child)

    def pids(self) -> list[int]:
        """The children's."""
        return [pid for child in list(self._children) if (pid := child.pid) is not None]

    def start(self) -> None:
        """Begin what the first child would have to wait for, in the background."""
        threading.Thread(target=self._warm_up, name="sandbox start", daemon=True).start()

    def close(self) -> None:
        """Kill all children, and take nothing more. Call it in the event loop, or once that has ended."""
        self._closed = True
        self._line.close()
        for child in list(self._children):
            child.kill()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _warm_up(self) -> None:
        with suppress(PlaygroundError, RuntimeError, OSError):
            Child(self._how, self._limits).run(warm_up, (), {})
