"""How a worker process behaves beside a live model: quiet, few threads, never outliving the app, and easy to stop."""

import contextlib
import ctypes
import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType

STOP_FILE = "stop"
LOG_FILE = "worker.log"
PARENT_VARIABLE = "PLAYGROUND_TRAINING_PARENT"
_PR_SET_PDEATHSIG = 1


def become_worker(log_file: Path, offline: bool) -> None:
    """Prepare this process; call before torch is imported.

    Half of the cores: the live model goes on answering on the others. OpenMP's default of spinning while it waits
    makes two such processes ten times slower than one.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // 2)))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    if hasattr(os, "nice"):  # all but Windows
        os.nice(10)
    _die_with_parent()
    _prefer_oom_kill()
    descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)


def _die_with_parent() -> None:
    """Let the kernel end this process when the app that started it is gone, however it went (Linux only)."""
    parent = os.environ.get(PARENT_VARIABLE)
    if parent is None or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit("The app is gone.")


def _prefer_oom_kill() -> None:
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

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        self._signalled = True
