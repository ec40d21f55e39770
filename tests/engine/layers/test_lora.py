"""The ways of adding adapters to a layer compute the same."""

import pytest
import torch

from playground.engine.layers.kernels import Prepacked
from playground.engine.layers.lora import PackedLora, PartByPart, RankMask, lora_kernel

IN_FEATURES, RANKS = 32, 48
COLUMNS = (slice(0, 24), slice(32, 40))
NUM_OUTS = 40
"""Of three parts, the one between has no adapter."""


def _tables() -> tuple[torch.Tensor, list[tuple[slice, torch.Tensor]]]:
    torch.manual_seed(1)
    lora_B = [(columns, torch.randn(RANKS, columns.stop - columns.start) / 4) for columns in COLUMNS]
    return torch.randn(len(COLUMNS) * RANKS, IN_FEATURES) / 4, lora_B


def _mask(num_tokens: int) -> RankMask:
    foreign = torch.ones(num_tokens, 1, RANKS, dtype=torch.bool)
    for token in range(num_tokens - 1):  # the last token is the base's
        foreign[token, :, token % 3 * 16 : (token % 3 + 1) * 16] = False
    return RankMask(foreign, torch.linspace(0.5, 1.5, num_tokens)[:, None, None])


@pytest.mark.skipif(not Prepacked.supported(torch.bfloat16), reason="this CPU does not compute in bf16")
@pytest.mark.parametrize("num_tokens", [2, 5, 16])
def test_packed_tables_add_what_single_ones_do(num_tokens: int) -> None:
    lora_A, lora_B = _tables()
    half = lora_A.bfloat16(), [(columns, one.bfloat16()) for columns, one in lora_B]
    states, out, mask = torch.randn(num_tokens, IN_FEATURES), torch.randn(num_tokens, NUM_OUTS), _mask(num_tokens)
    want = PartByPart(lora_A, lora_B)(states, out.clone(), mask)
    assert not torch.allclose(want[:-1], out[:-1], atol=0.5)
    got = PackedLora(*half, NUM_OUTS)(states.bfloat16(), out.bfloat16(), mask)
    assert torch.allclose(got.float(), want, atol=0.02 * float(want.abs().max()))
    assert torch.equal(got[-1], out[-1].bfloat16())  # nothing is added to the base's token


def test_few_ranks_of_fp32_add_to_16_bits() -> None:
    lora_A, lora_B = _tables()
    states, out, mask = torch.randn(4, IN_FEATURES), torch.randn(4, NUM_OUTS), _mask(4)
    want = PartByPart(lora_A, lora_B)(states, out.clone(), mask)
    got = PartByPart(lora_A, lora_B)(states.bfloat16(), out.bfloat16(), mask)
    assert got.dtype is torch.bfloat16
    assert torch.allclose(got.float(), want, atol=0.02 * float(want.abs().max()))
    assert torch.equal(got[:, 24:32], out[:, 24:32].bfloat16())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("ranks", [16, 48, 160])
def test_whatever_is_chosen_adds_the_same(dtype: torch.dtype, ranks: int) -> None:
    """Few and many ranks and tokens, on a CPU of any kind."""
    torch.manual_seed(2)
    lora_A = torch.randn(2 * ranks, IN_FEATURES) / ranks**0.5
    lora_B = [(columns, torch.randn(ranks, columns.stop - columns.start) / 4) for columns in COLUMNS]
    chosen = lora_kernel(lora_A, lora_B, NUM_OUTS, dtype)
    for num_tokens in (1, 8, 9, 64):
        states, out, mask = (
            torch.randn(num_tokens, IN_FEATURES),
            torch.randn(num_tokens, NUM_OUTS),
            RankMask(None, None),
        )
        want = PartByPart(lora_A, lora_B)(states, out.clone(), mask)
        got = chosen(states.to(dtype), out.to(dtype), mask)
        assert got.dtype is dtype
        assert torch.allclose(got.float(), want, atol=0.03 * float(want.abs().max()))
