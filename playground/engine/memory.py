"""What memory allows the live model, and how running out of it is told from other faults."""

import torch

from playground.models.memory import free_beside

GPU_SHARE = 1 / 2
CPU_SHARE = 1 / 4
"""Of the memory that is free once the model is loaded, what running requests may fill with keys and values."""
FEWEST_TOKENS = 512
_TOLD = ("not enough memory", "can't allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


def token_budget(bytes_per_token: int, device: torch.device) -> int:
    """How many tokens all running requests may hold at their places together."""
    on_gpu = device.type == "cuda"
    free = GPU_SHARE * torch.cuda.mem_get_info(device)[0] if on_gpu else CPU_SHARE * free_beside()
    return max(FEWEST_TOKENS, int(free // max(1, bytes_per_token)))


def out_of_memory(error: BaseException) -> bool:
    """PyTorch says it in several ways, by device and by library."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _TOLD)
