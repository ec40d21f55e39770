"""One child process, both ends: it does one piece of work on a stranger's file, answers once and is gone."""

import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from playground.errors import InputError, PlaygroundError
from playground.sandbox.limits import Limits, keep_to
from playground.sentence import N_

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")

TOO_LONG = N_("Reading this file takes longer than any file may. Send a smaller part of it.")
TOO_LARGE = N_("Reading this file takes more memory than any file may. Send a smaller part of it.")
BROKE_OFF = N_("Reading this file broke off. Save the file anew, if you can in another format, and send that.")
ENDED = N_("Reading the file was ended.")
_REFUSED, _TOO_LARGE, _FAILED, _DONE = "refused", "too large", "failed", "done"
_OUT_OF_MEMORY = pickle.dumps((_TOO_LARGE, None))
_GRACE_S = 5.0
"""How long the system may take to end a process, or a child to go once it has answered."""
_lock = threading.Lock()
"""`multiprocessing` looks at all its children whenever it starts one; which no two threads may do at once."""


def context(preload: Sequence[str] = ()) -> "ForkServerContext | SpawnContext":
    """How children are made: where it can be, as copies of a small process that has `preload` imported already."""
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    found = multiprocessing.get_context("forkserver")
    if preload:
        found.set_forkserver_preload(list(preload))
    return found


class Child:
    """The parent's end. One thread runs it, any other may kill it."""

    def __init__(self, how: "ForkServerContext | SpawnContext", limits: Limits) -> None:
        self._how = how
        self._limits = limits
        self._process: Any = None
        self._killed = threading.Event()
        self._overdue = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def kill(self) -> None:
        """End it, also before it has begun."""
        with _lock:
            self._killed.set()
            if self._process is not None and self._process.pid is not None:
                self._process.kill()

    def run(self, function: Callable[..., Answer], args: Sequence[Any], named: Mapping[str, Any]) -> Answer:
        """Have a function of a module done, and wait; raises what it raises of `PlaygroundError`, `InputError` where it
        takes too much, and `RuntimeError` for a fault of ours."""
        hearing, telling = self._how.Pipe(duplex=False)
        with hearing:
            with telling, _lock:
                if self._killed.is_set():
                    raise InputError(ENDED)
                given = (telling, self._limits, function, args, named)
                process = self._how.Process(target=_work, args=given, daemon=True)
                with _nothing_of_main():
                    process.start()
                self._process = process
            try:
                said = self._hear(hearing)
            finally:
                code = self._end()
        return self._answer(said, code)  # type: ignore[no-any-return]

    def _hear(self, hearing: Connection) -> bytes | None:
        """What the child answers; None where it ends without, or takes too long."""
        self._overdue = not hearing.poll(self._limits.wall_s)
        if self._overdue:
            return None
        try:
            return hearing.recv_bytes()
        except (OSError, EOFError):  # it is gone
            return None

    def _end(self) -> int | None:
        """See that it is gone; its exit code, negative for a signal."""
        if not self._overdue and not self._killed.is_set():
            wait([self._process.sentinel], timeout=_GRACE_S)
        with _lock:
            self._process.kill()
        wait([self._process.sentinel], timeout=_GRACE_S)
        with _lock:
            self._process.join(0.0)
            code: int | None = self._process.exitcode
            return code

    def _answer(self, said: bytes | None, code: int | None) -> Any:
        if said is None:
            raise self._without_answer(code)
        what, answer = pickle.loads(said)  # noqa: S301  # of our own child
        if what == _DONE:
            return answer
        if what == _REFUSED:
            raise answer
        if what == _TOO_LARGE:
            raise InputError(TOO_LARGE)
        raise RuntimeError(f"in a child process:\n{answer}")

    def _without_answer(self, code: int | None) -> InputError:
        if self._killed.is_set():
            return InputError(ENDED)
        log.warning("a file was not read to its end: exit code %s", code)
        if self._overdue or code == -getattr(signal, "SIGXCPU", 0):
            return InputError(TOO_LONG)
        # SIGKILL is the system's, where memory runs out; SIGABRT a library's that gets none.
        if code in (-getattr(signal, "SIGKILL", 9), -signal.SIGABRT):
            return InputError(TOO_LARGE)
        return InputError(BROKE_OFF)


@contextmanager
def _nothing_of_main() -> Iterator[None]:
    """By itself `multiprocessing` has each child run the script again that began its parent, in case that defines the
    function. Ours never do; and a script may do anything when it is run, and takes its time."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _work(telling: Connection, limits: Limits, function: Callable[..., Any], *given: Any) -> None:
    """The child's end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the app's to handle
    _follow_parent()
    keep_to(limits)
    said = _OUT_OF_MEMORY
    try:
        whole = pickle.dumps(_outcome(function, *given), pickle.HIGHEST_PROTOCOL)
        if len(whole) <= limits.answer_bytes:
            said = whole
    except MemoryError:
        pass
    telling.send_bytes(said)
    telling.close()
    os._exit(0)  # what was read is not taken apart piece by piece


def _outcome(function: Callable[..., Any], args: Sequence[Any], named: Mapping[str, Any]) -> tuple[str, Any]:
    try:
        return _DONE, function(*args, **named)
    except PlaygroundError as error:
        return _REFUSED, error.with_traceback(None)
    except MemoryError:
        raise
    except Exception:
        return _FAILED, traceback.format_exc(limit=-20)


def _follow_parent() -> None:
    """Where the system does not end a child whose app is gone, the child looks after it itself."""
    parent = multiprocessing.parent_process()
    if parent is not None and not sys.platform.startswith("linux"):

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()


def warm_up() -> None:
    """Nothing: with the first child the process starts of which all are copies."""
