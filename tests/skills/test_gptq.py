"""Weights in 4 bits whose errors cancel out for the inputs that they will see, in bitsandbytes' own layout."""

import torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit

from playground.skills.gptq import LEVELS, pack, quantize


def test_what_comes_out_is_nearer_than_plain_rounding() -> None:
    """Defends the point of it: on inputs that hang together, as those of a model do, the products err less."""
    torch.manual_seed(0)
    inputs = torch.randn(2_000, 24) @ torch.randn(24, 192) + 0.1 * torch.randn(2_000, 192)
    weight = torch.randn(96, 192)
    codes, scales = quantize(weight, inputs.T @ inputs)
    corrected = LEVELS[codes.long()] * scales.repeat_interleave(64, 1)
    packed, state = quantize_4bit(weight, quant_type="nf4", blocksize=64)
    wanted = inputs @ weight.T
    plain = (inputs @ dequantize_4bit(packed, state).T - wanted).norm()
    assert (inputs @ corrected.T - wanted).norm() < 0.6 * plain


def test_packed_as_bitsandbytes_reads_it() -> None:
    """Defends the files: unfolded by the library, each weight is its level times its block's scale."""
    torch.manual_seed(1)
    codes, scales = torch.randint(0, 16, (32, 128), dtype=torch.uint8), torch.rand(32, 2) - 0.5
    _, state = quantize_4bit(torch.randn(32, 128), quant_type="nf4", blocksize=64)
    state.absmax = scales.flatten()
    wanted = LEVELS[codes.long()] * scales.repeat_interleave(64, 1)
    assert torch.allclose(dequantize_4bit(pack(codes), state), wanted, atol=1e-6)
