"""How much memory this process took at most, how much is free for it, and how running out of it is told from other
faults. In bytes; a GPU's where there is one."""

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

KEPT_VARIABLE = "PLAYGROUND_KEPT_BYTES"
"""Names, for a worker, what of the GPU's free memory the live model may yet take."""
_MUCH_BYTES = 2**29
_STATUS = Path("/proc/self/status")
_CGROUP = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")
_FULL_CARD = ("CUBLAS_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_NOT_INITIALIZED", "CUDNN_STATUS_ALLOC_FAILED")
"""What CUDA's libraries say at their first product on a card that is nearly full."""
_TOLD = ("not enough memory", "can't allocate memory", "out of memory", *_FULL_CARD)


def peak_bytes(used: bool = False) -> int:
    """The most that was held since the start, or since `forget_peak`.

    A GPU's memory is taken in large pieces: with `used`, only what was in use of them counts.
    """
    if _on_gpu():
        import torch

        return int(torch.cuda.max_memory_allocated() if used else torch.cuda.max_memory_reserved())
    if _STATUS.exists():
        # not `ru_maxrss`, which tells what the app held when it started this process
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource  # there is none on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def out_of_memory(error: BaseException) -> bool:
    """PyTorch says it in several ways, by device and by library; on the CPU it has no class of its own for it."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _TOLD)


def give_back() -> None:
    """Let the system have what is held and not used; without effect where it has no way.

    After a model of half a billion weights was let go of, the process held 2.5 of its 3.6 GB until it was told to.
    """
    if _on_gpu():
        import torch

        torch.cuda.empty_cache()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def give_back_idle_card() -> None:
    """Let others have what of a GPU's memory is held and not used, where it is much: it would look taken to them."""
    if _on_gpu():
        import torch

        if torch.cuda.memory_reserved() - torch.cuda.memory_allocated() > _MUCH_BYTES:
            torch.cuda.empty_cache()


def forget_peak() -> None:
    """Give back what is not used, and count `peak_bytes` from here on; without effect where the system has no way."""
    give_back()
    if _on_gpu():
        import torch

        torch.cuda.reset_peak_memory_stats()
        return
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def free_bytes() -> int:
    """What this process could hold in all: what it holds, and what is free beside it in machine, container or GPU.

    Of a GPU, what the process that started this one keeps for itself is not counted.
    """
    if _on_gpu():
        import torch

        kept = int(os.environ.get(KEPT_VARIABLE, "0"))
        return max(0, int(torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved()) - kept)
    return free_beside() + int(psutil.Process().memory_info().rss)


def free_beside() -> int:
    """What is free beside this process: in the machine, or in the container where that allows less. Never a GPU's."""
    return int(max(0, min(psutil.virtual_memory().available, _container_free())))


def _container_free() -> float:
    """What the limits on this process's control group, and on those around it, leave (Linux)."""
    return min(map(_left_in, _groups()), default=float("inf"))


def _groups() -> Iterator[Path]:
    """This process's own control group for memory and those around it, in version 2 or 1 of the system's interface."""
    if not _OWN_GROUPS.exists():
        return
    for line in _OWN_GROUPS.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root = _CGROUP / "memory" if controllers else _CGROUP
        own = root / path.lstrip("/")  # in a container it may not be there: then the container's own is the root
        yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(root))


def _left_in(group: Path) -> float:
    """A control group's limit without what it holds; file caches in it are given back when needed."""
    second = (group / "memory.max").exists()
    limit_file, used_file, caches = (
        ("memory.max", "memory.current", "inactive_file")
        if second
        else ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    )
    try:
        limit = (group / limit_file).read_text().strip()
        used = int((group / used_file).read_text())
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return float("inf") if limit == "max" else int(limit) - used + int(stat.get(caches, 0))
    except (OSError, ValueError):
        return float("inf")


def _on_gpu() -> bool:
    torch = sys.modules.get("torch")  # which alone could have put anything there
    return torch is not None and bool(torch.cuda.is_available())
