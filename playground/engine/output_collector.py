"""A running request as its reader holds it. Written by the engine's thread, read from any thread or event loop."""

import asyncio
import contextlib
import threading
import uuid
from collections.abc import AsyncIterator, Callable

from playground.errors import EngineError, PlaygroundError
from playground.protocol.requests import FinishReason, RequestOutput, TokenLogprob

_Listener = tuple[asyncio.AbstractEventLoop, asyncio.Event]


class LiveGeneration:
    """Implements `protocol.OutputStream`: keeps only the newest chunk, so a slow reader costs nothing."""

    def __init__(self, on_cancel: Callable[[str], None]) -> None:
        self.request_id = uuid.uuid4().hex
        self._on_cancel = on_cancel
        self._condition = threading.Condition()
        self._chunk = RequestOutput("", 0)
        self._error: PlaygroundError | None = None
        self._listeners: list[_Listener] = []

    @property
    def done(self) -> bool:
        return self._chunk.finished is not None or self._error is not None

    def cancel(self) -> None:
        """Ask the engine to stop; the last chunk then says `cancelled`. Does nothing once finished."""
        self._on_cancel(self.request_id)

    def result(self, timeout_s: float | None = None) -> RequestOutput:
        """Block until the end. Raises `EngineError` on a failure, `TimeoutError` after `timeout_s`."""
        with self._condition:
            if not self._condition.wait_for(lambda: self.done, timeout_s):
                raise TimeoutError(f"no end after {timeout_s} s")
            if self._error is not None:
                raise self._error
            return self._chunk

    async def __aiter__(self) -> AsyncIterator[RequestOutput]:
        event = asyncio.Event()
        listener = (asyncio.get_running_loop(), event)
        with self._condition:
            self._listeners.append(listener)
        shown: RequestOutput | None = None
        try:
            while True:
                event.clear()
                chunk, error = self._chunk, self._error
                if error is not None:
                    raise error
                if chunk is not shown and (chunk.new_tokens or chunk.finished):
                    shown = chunk
                    yield chunk
                    if chunk.finished:
                        return
                    continue
                await event.wait()
        finally:
            with self._condition:
                self._listeners.remove(listener)

    def publish(
        self, text: str, new_tokens: int, finished: FinishReason | None = None, words: tuple[TokenLogprob, ...] = ()
    ) -> None:
        """Called by the engine: show the text so far."""
        with self._condition:
            if not self.done:
                self._chunk = RequestOutput(text, new_tokens, finished, words)
                self._wake()

    def end_as_cancelled(self) -> None:
        """Called by the engine: end with the text that there was."""
        self.publish(self._chunk.text, self._chunk.new_tokens, "cancelled", self._chunk.words)

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
