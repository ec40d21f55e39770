"""Whether a model fits a machine, and about how fast it would write there."""

import math
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from playground.files import KEPT_FREE_BYTES
from playground.models.model_shape import ModelShape
from playground.protocol.model import Quantization
from playground.sentence import Sentence

if TYPE_CHECKING:
    from torch import Tensor

MEMORY_SHARE = 3 / 4
"""Of the free memory, what a model may take; the rest is for the tokens in flight and for what else runs."""
CACHED_TOKENS = 4096
DECODING_SHARE = 1 / 3
"""Of the memory's speed as `memory_speed` measures it, what reading the weights reaches while tokens are written one
after the other; the rest of the time goes to attention, sampling and small operations. A round number: on two shared
cores with AVX2 it was 0.27 to 0.35 for SmolLM2 135M, 0.24 to 0.46 for Qwen2.5 0.5B. Not measured on a GPU, where it is
less for small models, nor where the free memory holds no copies in fp16 of a large one."""
MIN_WORDS_PER_S = 5.0
"""A model that writes slower than that is not what anybody is given or offered unasked."""
WORDS_A_TOKEN = 0.75
"""In English."""
_GB = 10**9
_BUFFER_BYTES = 256 * 2**20
"""Several times what CPUs and GPUs cache."""
_READS = 6
"""The fastest counts: whoever else uses the machine only slows it."""


def memory_bytes(shape: ModelShape, quantization: Quantization, dtype_bytes: int = 2) -> int:
    """What a model takes in use: its weights, a cache for `CACHED_TOKENS` and one adapter."""
    weights = shape.weights_bytes(quantization, dtype_bytes)
    return weights + shape.cache_bytes(CACHED_TOKENS, dtype_bytes) + shape.adapter_bytes()


def why_not(
    shape: ModelShape | None,
    download_bytes: int,
    present: bool,
    quantization: Quantization,
    free_memory: int,
    free_disk: int,
    dtype_bytes: int = 2,
) -> Sentence | None:
    """Say why a model does not fit here; None where it does, or where nothing is known of it."""
    memory, room = memory_bytes(shape, quantization, dtype_bytes) if shape else 0, int(free_memory * MEMORY_SHARE)
    if memory > room:
        return Sentence(
            "It takes {needed} GB of memory, and {free} GB are free for a model here.",
            needed=_rounded_up(memory),
            free=_rounded_down(room),
        )
    disk = max(0, free_disk - KEPT_FREE_BYTES)
    if not present and download_bytes > disk:
        return Sentence(
            "Its files take {needed} GB, and {free} GB of the disk are free for them here.",
            needed=_rounded_up(download_bytes),
            free=_rounded_down(disk),
        )
    return None


def words_per_s(shape: ModelShape, quantization: Quantization, dtype_bytes: int, bytes_per_s: float) -> float:
    """About how many English words it writes for one visitor, where memory is read at `bytes_per_s`."""
    return WORDS_A_TOKEN * DECODING_SHARE * bytes_per_s / shape.bytes_a_token(quantization, dtype_bytes)


@cache
def memory_speed() -> float:
    """Bytes that the GPU, or else the CPU with all its threads, reads in a second; measured once, in a fifth of one."""
    import torch  # only here: pages and tasks bring none

    on_gpu = torch.cuda.is_available()
    buffer = torch.ones(_BUFFER_BYTES // 4, device="cuda" if on_gpu else "cpu")
    fastest = min(_seconds_to_read(buffer, torch.cuda.synchronize if on_gpu else None) for _ in range(_READS))
    return _BUFFER_BYTES / fastest


def _seconds_to_read(buffer: "Tensor", wait: Callable[[], None] | None) -> float:
    if wait:
        wait()
    start = time.perf_counter()
    buffer.sum()
    if wait:
        wait()
    return time.perf_counter() - start


def _rounded_up(size: int) -> str:
    """Needs are rounded up and room is rounded down, so that what does not fit never looks as if it did."""
    return f"{math.ceil(10 * size / _GB) / 10:.1f}"


def _rounded_down(size: int) -> str:
    return f"{math.floor(10 * size / _GB) / 10:.1f}"
