"""4-bit weights whose errors cancel out, by GPTQ: what rounding one weight loses, the weights after it make good.

Source: Frantar, Ashkboos, Hoefler and Alistarh, "GPTQ", 2022, https://arxiv.org/abs/2210.17323. The grid is that of
bitsandbytes' NF4, so that the outcome loads as any of its models does; a block's scale is chosen to fit its weights,
and may be negative, since the 16 levels are not symmetric.
"""

import torch
from bitsandbytes.functional import get_4bit_type

from playground.models.quantization import BLOCK

_DAMPING = 0.01
"""Of the mean of the diagonal, added to it: few texts leave some directions unseen."""
_SCALES = torch.linspace(0.8, 1.05, 5)
"""Shares of a block's largest weight that are tried as its scale."""
LEVELS: torch.Tensor = get_4bit_type("nf4", device="cpu").float()
_BETWEEN = (LEVELS[1:] + LEVELS[:-1]) / 2


def quantize(weight: torch.Tensor, moments: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Round `weight` (out, in) for inputs with the second moments (in, in), all fp32.

    Returns the levels' numbers, 0 to 15, as uint8 (out, in), and the scales (out, in / 64) in fp32.
    """
    rest, width = weight.clone(), weight.shape[1]
    damped = moments + _DAMPING * moments.diagonal().mean() * torch.eye(width)
    inverse = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(damped)), upper=True)
    codes = torch.empty(weight.shape, dtype=torch.uint8)
    scales = torch.empty(weight.shape[0], width // BLOCK)
    for start in range(0, width, BLOCK):
        block, within = rest[:, start : start + BLOCK], inverse[start : start + BLOCK, start : start + BLOCK]
        scale = scales[:, start // BLOCK] = _scale(block, within.diagonal() ** -2)
        lost = torch.empty_like(block)
        for column in range(BLOCK):
            code = torch.bucketize((block[:, column] / scale).contiguous(), _BETWEEN)
            codes[:, start + column] = code
            lost[:, column] = (block[:, column] - LEVELS[code] * scale) / within[column, column]
            block[:, column:] -= lost[:, column, None] * within[column, column:]
        rest[:, start + BLOCK :] -= lost @ inverse[start : start + BLOCK, start + BLOCK :]
    return codes, scales


def pack(codes: torch.Tensor) -> torch.Tensor:
    """Two levels in a byte, the first in its upper half, as bitsandbytes stores them: (out * in / 2, 1)."""
    pairs = codes.reshape(-1, 2)
    return (pairs[:, :1] << 4) | pairs[:, 1:]


def _scale(block: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """For each row of (out, 64), the scale with the least error, a column's counting by its weight."""
    largest = block.abs().amax(1).clamp_min(1e-9)
    best, least = largest.clone(), torch.full_like(largest, float("inf"))
    for share in torch.cat([_SCALES, -_SCALES]):
        scale = share * largest
        rounded = LEVELS[torch.bucketize(block / scale[:, None], _BETWEEN)] * scale[:, None]
        error = ((rounded - block) ** 2 * weights).sum(1)
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best
