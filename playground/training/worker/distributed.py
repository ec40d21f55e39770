"""One run in several processes, as `accelerate launch` starts them: who is the first, and how they agree."""

import logging
import os

from playground.gpu import VISIBLE
from playground.memory import free_bytes

log = logging.getLogger(__name__)


def world_size() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main_process() -> bool:
    """Whether this process is the one that writes events, checkpoints and the result."""
    return os.environ.get("RANK", "0") == "0"


def take_gpu() -> None:
    """Use the GPU that is this process's own, and of its memory what the live model leaves; without effect where there
    is none."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        total = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, free_bytes() / total))
        log.info("on %s, card %s of those that were visible", torch.cuda.get_device_name(), os.environ.get(VISIBLE))


def any_rank(wish: bool) -> bool:
    """Whether any of the processes wishes so: the same answer in all, so that none waits for another forever."""
    if not _together():
        return wish
    from torch.distributed import all_gather_object

    wishes: list[bool] = [False] * world_size()
    all_gather_object(wishes, wish)
    return any(wishes)


def barrier() -> None:
    """Return once every process has come this far."""
    if _together():
        from torch.distributed import barrier

        barrier()


def _together() -> bool:
    if world_size() == 1:
        return False
    from torch.distributed import is_initialized  # torch may not be imported before the process has settled

    return is_initialized()
