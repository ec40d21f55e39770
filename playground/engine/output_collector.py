"""Hands a request's newest output from the engine's thread to its reader; a slow reader skips what is outdated.

Written by the engine's thread, read from any thread or event loop.
"""

import asyncio
import contextlib
import threading
import uuid
from collections.abc import AsyncIterator, Callable

from playground.errors import EngineError, PlaygroundError
from playground.protocol.requests import FinishReason, RequestOutput, TokenLogprob

_Listener = tuple[asyncio.AbstractEventLoop, asyncio.Event]


class RequestOutputCollector:
    """Implements `protocol.OutputStream`: keeps only the newest output, so a slow reader costs nothing."""

    def __init__(self, on_abort: Callable[[str], None]) -> None:
        self.request_id = uuid.uuid4().hex
        self._on_abort = on_abort
        self._condition = threading.Condition()
        self._output = RequestOutput("", 0)
        self._error: PlaygroundError | None = None
        self._listeners: list[_Listener] = []

    @property
    def done(self) -> bool:
        return self._output.finish_reason is not None or self._error is not None

    def abort(self) -> None:
        """Ask the engine to stop; the last output then says `abort`. Does nothing once finished."""
        self._on_abort(self.request_id)

    def result(self, timeout_s: float | None = None) -> RequestOutput:
        """Block until the end. Raises `EngineError` on a failure, `TimeoutError` after `timeout_s`."""
        with self._condition:
            if not self._condition.wait_for(lambda: self.done, timeout_s):
                raise TimeoutError(f"no end after {timeout_s} s")
            if self._error is not None:
                raise self._error
            return self._output

    async def __aiter__(self) -> AsyncIterator[RequestOutput]:
        event = asyncio.Event()
        listener = (asyncio.get_running_loop(), event)
        with self._condition:
            self._listeners.append(listener)
        shown: RequestOutput | None = None
        try:
            while True:
                event.clear()
                output, error = self._output, self._error
                if error is not None:
                    raise error
                if output is not shown and (output.num_tokens or output.finish_reason):
                    shown = output
                    yield output
                    if output.finish_reason:
                        return
                    continue
                await event.wait()
        finally:
            with self._condition:
                self._listeners.remove(listener)

    def put(
        self,
        text: str,
        num_tokens: int,
        finish_reason: FinishReason | None = None,
        logprobs: tuple[TokenLogprob, ...] = (),
    ) -> None:
        """Called by the engine: show the text so far."""
        with self._condition:
            if not self.done:
                self._output = RequestOutput(text, num_tokens, finish_reason, logprobs)
                self._wake()

    def end_as_aborted(self) -> None:
        """Called by the engine: end with the text that there was."""
        self.put(self._output.text, self._output.num_tokens, "abort", self._output.logprobs)

    def fail(self, error: PlaygroundError | None = None) -> None:
        """Called by the engine: end with an error, which every reader gets."""
        with self._condition:
            if not self.done:
                self._error = error or EngineError("The model stopped before it had finished. Try again.")
                self._wake()

    def _wake(self) -> None:
        self._condition.notify_all()
        for loop, event in self._listeners:
            with contextlib.suppress(RuntimeError):  # the reader's event loop is closed: nobody reads any more
                loop.call_soon_threadsafe(event.set)
