"""What has to be known of CUDA cards: which one a worker takes, whether one can be gone on with, and what a training
needs beside it. Without a card all of it is without effect."""

import os
import shutil
import sys
import sysconfig
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from playground.memory import out_of_memory
from playground.sentence import Sentence

VISIBLE = "CUDA_VISIBLE_DEVICES"
_COMPILERS = ("cc", "gcc", "clang")
_SPOILED = ("CUDA error", "device-side assert", "CUBLAS_STATUS_EXECUTION_FAILED", "CUBLAS_STATUS_INTERNAL_ERROR")


def one_card() -> None:
    """Let this process see the first card alone of those that it is given; call before torch is imported.

    A process that sees several would take all of them for one run, which TRL refuses. Where `accelerate launch` started
    it, each process takes its own.
    """
    if "RANK" not in os.environ:
        os.environ[VISIBLE] = os.environ.get(VISIBLE, "0").split(",")[0]


def card_for_worker() -> str | None:
    """What a worker should see: of several cards the emptiest one but the live model's. None: what this process sees.

    Asking the driver's own library leaves no context on the other cards, as asking CUDA would.
    """
    torch = _torch()
    if torch is None or torch.cuda.device_count() < 2:
        return None
    live = torch.cuda.current_device()
    names = os.environ.get(VISIBLE) or ",".join(map(str, range(torch.cuda.device_count())))
    free = {}
    for index in range(torch.cuda.device_count()):
        used = 0
        with suppress(ImportError, RuntimeError, OSError):  # no such library: then they are all taken for empty
            used = torch.cuda.device_memory_used(index)
        free[index] = torch.cuda.get_device_properties(index).total_memory - used
    best = max((index for index in free if index != live), key=free.__getitem__)
    return names.split(",")[best]


def spoiled(error: BaseException) -> bool:
    """Whether CUDA can do nothing more in this process: whatever is asked of it from now on fails in the same way."""
    torch = sys.modules.get("torch")
    if torch is None or out_of_memory(error):
        return False
    return isinstance(error, torch.AcceleratorError) or any(words in str(error) for words in _SPOILED)


def missing_for_training() -> Sentence | None:
    """Say what this machine lacks for a training on its card: the loss is compiled at the first step, with Triton."""
    if _torch() is None or find_spec("triton") is None:
        return None
    if not os.environ.get("CC") and not any(map(shutil.which, _COMPILERS)):
        return Sentence("Training on a GPU needs a C compiler, and there is none here. Install gcc, and try again.")
    if not (Path(sysconfig.get_paths()["include"]) / "Python.h").is_file():
        return Sentence(
            "Training on a GPU needs the headers of Python, and they are not here. Install python3-dev, and try again."
        )
    return None


def _torch() -> ModuleType | None:
    """torch, where it is there and has a card."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_available() else None
