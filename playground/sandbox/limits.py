"""What reading one file of a stranger's may cost, and how a child process is kept to it."""

import contextlib
import ctypes
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from playground.process import die_with_parent, prefer_oom_kill

_NICE = 5
"""Whoever waits for an answer of the model goes first."""
_M_ARENA_MAX = -8
_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Limits:
    """`cpu_s` is work, `wall_s` the time that may pass meanwhile, as on a machine that has much to do; `memory_bytes`
    is what a child may take beyond what all of them begin with, `answer_bytes` the size of what it may answer."""

    cpu_s: int = 60
    wall_s: float = 240.0
    memory_bytes: int = 3 * 2**30
    answer_bytes: int = 512 * 2**20


def keep_to(limits: Limits) -> None:
    """Have the system keep this process to them; only Linux bounds memory, and Windows not even work."""
    _be_small()
    die_with_parent()
    prefer_oom_kill()
    if sys.platform == "win32":
        return
    import resource

    os.nice(_NICE)
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 1)  # at the first by a signal that says why
    if _STATM.exists():
        begun_with = int(_STATM.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        _set(resource.RLIMIT_AS, begun_with + limits.memory_bytes)


def _set(kind: int, soft: int, hard: int | None = None) -> None:
    import resource

    with contextlib.suppress(ValueError, OSError):  # a lower limit stands already
        resource.setrlimit(kind, (soft, soft if hard is None else hard))


def _be_small() -> None:
    """Libraries that are imported from now on start no thread for each core: each takes address space, as does each
    arena that the C library makes for a thread."""
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ARROW_IO_THREADS": "1"}
    if sys.platform.startswith("linux"):
        with contextlib.suppress(AttributeError, OSError):  # a C library without it
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
