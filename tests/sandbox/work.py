"""What the tests have done in a child: a function of a module, as it must be."""

import os
import signal
import time
from pathlib import Path

from playground.errors import DataError


def double(number: int) -> int:
    return 2 * number


def refuse() -> None:
    raise DataError("Row {row} is empty.", row=3)


def fail() -> None:
    raise KeyError("nobody thought of it")


def hog_cpu() -> None:
    while True:
        pass


def hog_memory() -> int:
    return len([bytearray(2**20) for _ in range(10_000)])


def sleep() -> None:
    time.sleep(600)


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def large(size: int) -> bytes:
    return bytes(size)


def begin_and_wait(folder: Path, name: str) -> str:
    """Say who is there, and go once one is told to."""
    (folder / f"{name}.begun").write_text(str(os.getpid()))
    while not (folder / f"{name}.go").exists():
        time.sleep(0.01)
    return name
