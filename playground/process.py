"""Child processes, both ends: starting and ending one, and what one does to be a quiet neighbour of the live model; and
the threads that this process computes with."""

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import TypeVar

from playground.files import write_text
from playground.gpu import VISIBLE, card_for_worker, one_card
from playground.memory import KEPT_VARIABLE

T = TypeVar("T")

STOP_FILE = "stop"
THREADS_FILE = "threads"
LOG_FILE = "worker.log"
_SPINS = "6000"
"""About a tenth of a millisecond."""
_PARENT_VARIABLE = "PLAYGROUND_TRAINING_PARENT"
_PR_SET_PDEATHSIG = 1
_NICE = 10
_SESSION = Path("/proc/self/autogroup")
_PACKAGE_ROOT = Path(__file__).resolve().parents[1]


def start_worker(
    module: str, *args: str, log: Path, stdin: int = subprocess.DEVNULL, kept_bytes: int = 0
) -> "subprocess.Popen[str]":
    """Start `python -m module args`: few and quiet threads, and a session of its own; it dies with its parent.

    What it prints is appended to `log`; with `stdin=PIPE` it is talked to, and answers by a pipe of text. Linux ends it
    with the thread that started it, so that thread must outlive it. `kept_bytes` of a GPU that it shares are not its.
    """
    with log.open("ab") as log_file:
        return subprocess.Popen(
            [sys.executable, "-m", module, *args],
            stdin=stdin,
            stdout=subprocess.PIPE if stdin == subprocess.PIPE else log_file,
            stderr=log_file,
            env=worker_environment(kept_bytes),
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C in the app's terminal is the app's to handle
        )


def stop(process: "subprocess.Popen[str]", grace_s: float = 0.0) -> bool:
    """Ask a process to end, kill it after `grace_s` seconds, and wait until it is gone; whether it ended by itself."""
    if grace_s > 0:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace_s)
    ended = process.poll() is not None
    if not ended:
        process.kill()
        process.wait()
    return ended


def quiet_openmp() -> None:
    """Let threads that compute wait awake for a moment, from one product of a step to the next, and then asleep. Call
    before torch is imported.

    To be woken costs 50 microseconds, a third of a small model's step; to wait awake for long, as is OpenMP's default,
    takes the cores from a training worker.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)


def in_own_thread(work: Callable[[], T]) -> T:
    """Do what computes outside of the engine's thread in one that ends with it, and return what it returns or raises.

    OpenMP keeps threads for each thread that ever computed in parallel, and once there are more of them than cores,
    none waits awake any more.
    """
    with ThreadPoolExecutor(1) as own:
        return own.submit(work).result()


def all_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_threads() -> int:
    """CPU threads for a worker beside visitors: half of the cores, so that the live model keeps the others."""
    return max(1, all_cores() // 2)


def tell_threads(folder: Path, threads: int) -> None:
    """Tell the worker in this folder how many CPU threads to use from its next step on."""
    write_text(folder / THREADS_FILE, str(threads))


def use_told_threads(folder: Path) -> None:
    """Use as many CPU threads as the worker in this folder was told last, if it was told."""
    try:
        told = int((folder / THREADS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    import torch

    if told != torch.get_num_threads():
        torch.set_num_threads(told)


def worker_environment(kept_bytes: int = 0) -> dict[str, str]:
    """This package on the path, few and quiet threads, one card, and whose child it is."""
    card = card_for_worker()
    return os.environ | {
        "PYTHONPATH": package_path(),
        "OMP_WAIT_POLICY": "passive",
        "GOMP_SPINCOUNT": "0",
        "OMP_NUM_THREADS": str(worker_threads()),
        _PARENT_VARIABLE: str(os.getpid()),
        **({VISIBLE: card} if card is not None else {KEPT_VARIABLE: str(kept_bytes)}),
    }


def package_path() -> str:
    """What a process of Python's has to find this package by, whatever folder it is started in."""
    known = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join(dict.fromkeys([str(_PACKAGE_ROOT), *filter(None, known)]))


def become_worker(log: Path, offline: bool) -> None:
    """Prepare this process; call before torch is imported.

    Half of the cores: the live model goes on answering on the others. OpenMP's default of spinning while it waits
    makes two such processes ten times slower than one.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // 2)))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    one_card()
    _yield_cores()
    _die_with_app()
    prefer_oom_kill()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)


def _yield_cores() -> None:
    """Let the live model have the cores first.

    Where Linux shares them between sessions, a process is nice only within its own, and a worker has one of its own:
    so the session has to be nice, too.
    """
    if hasattr(os, "nice"):  # all but Windows
        os.nice(_NICE)
    with contextlib.suppress(OSError):
        _SESSION.write_text(str(_NICE))


def _die_with_app() -> None:
    """Let the kernel end this process when the app that started it is gone, however it went (Linux only)."""
    parent = os.environ.get(_PARENT_VARIABLE)
    if parent is None or not sys.platform.startswith("linux"):
        return
    die_with_parent()
    if os.getppid() != int(parent):
        sys.exit("The app is gone.")


def die_with_parent() -> None:
    """Let the kernel end this process with the one that started it (Linux only)."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def prefer_oom_kill() -> None:
    """Where memory runs out, let the system end this process and not the app, which can start it again (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("900")


class StopRequest:
    """Whether somebody asked to stop: by SIGTERM, or by a file named `stop` in the run's folder."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / STOP_FILE
        self._signalled = False
        signal.signal(signal.SIGTERM, self._note)

    def __bool__(self) -> bool:
        return self._signalled or self._file.exists()

    @property
    def has_no_time(self) -> bool:
        """Whether it was by SIGTERM: the app closes, and soon ends what has not ended by itself."""
        return self._signalled

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        self._signalled = True
