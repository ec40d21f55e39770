"""What memory allows the live model."""

import torch

from playground.memory import free_beside

GPU_SHARE = 1 / 2
CPU_SHARE = 1 / 4
"""Of the memory that is free once the model is loaded, what running requests may fill with keys and values."""
MIN_CACHE_TOKENS = 512


def kv_cache_capacity(bytes_per_token: int, device: torch.device) -> int:
    """How many tokens all running requests may hold at their places together."""
    on_gpu = device.type == "cuda"
    free = GPU_SHARE * torch.cuda.mem_get_info(device)[0] if on_gpu else CPU_SHARE * free_beside()
    return max(MIN_CACHE_TOKENS, int(free // max(1, bytes_per_token)))
