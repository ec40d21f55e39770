"""Every way of multiplying by one weight gives the same product, whatever kind of layer the weight came from."""

import pytest
import torch
from bitsandbytes.functional import _convert_weight_packed_for_cpu, quantize_4bit
from bitsandbytes.nn import Linear4bit
from torch import nn

from playground.engine.layers.kernels import PackedHalf, PackedNF4
from playground.engine.layers.linear import TOKEN_COUNTS, MergedLinear

WIDE, OUTS = 128, (96, 64, 64)


def layers(four_bit: bool, dtype: torch.dtype, bias: bool) -> dict[str, nn.Module]:
    torch.manual_seed(0)
    plain = {f"layer.{at}": nn.Linear(WIDE, rows, bias=bias, dtype=dtype) for at, rows in enumerate(OUTS)}
    if not four_bit:
        return dict(plain)
    quantized: dict[str, nn.Module] = {}
    for name, one in plain.items():
        layer = Linear4bit(WIDE, one.out_features, bias, dtype, compress_statistics=False, quant_type="nf4")
        layer.load_state_dict(one.state_dict())
        layer.support_avx512bf16_for_cpu = False
        quantized[name] = layer.to("cpu")
    return quantized


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("four_bit", [False, True])
@torch.inference_mode()
def test_all_kernels_give_the_product_of_the_layers(four_bit: bool, dtype: torch.dtype, bias: bool) -> None:
    modules = layers(four_bit, dtype, bias)
    states = {count: torch.randn(count, WIDE, dtype=dtype) for count in TOKEN_COUNTS}
    wanted = {count: torch.cat([module(one) for module in modules.values()], -1) for count, one in states.items()}
    merged = MergedLinear(modules)
    makers = merged.candidates()
    assert {"as loaded", "dense"} <= makers.keys()
    assert ("packed NF4" in makers) == (four_bit and PackedNF4.supported(dtype))
    for name, make in makers.items():
        kernel = make()
        for count, one in states.items():
            apart = (kernel(one).float() - wanted[count].float()).norm() / wanted[count].float().norm()
            rounded = 0.01 if dtype is torch.bfloat16 else 0.001 if name == PackedHalf.name else 1e-5
            assert float(apart) < rounded, (name, count)


@torch.inference_mode()
def test_half_the_bytes_are_taken_only_where_nothing_is_lost() -> None:
    """Defends a model's exactness: weights in fp32 stay so, those that were made in bf16 and kept in fp32 do not."""
    layer = nn.Linear(WIDE, 64)
    offered = PackedHalf.supported(torch.float32)
    assert PackedHalf.name not in MergedLinear({"one": layer}).candidates()
    layer.weight.data = layer.weight.data.bfloat16().float()
    assert (PackedHalf.name in MergedLinear({"one": layer}).candidates()) == offered
    layer.weight.data[0, 0] = 2.0**20
    assert PackedHalf.name not in MergedLinear({"one": layer}).candidates()


@pytest.mark.parametrize("four_bit", [False, True])
@torch.inference_mode()
def test_weights_that_nobody_reads_are_let_go_and_the_modules_go_on(four_bit: bool) -> None:
    """A merged layer holds its weight once, whoever asks; a module asked by itself gives its own part."""
    modules = layers(four_bit, torch.float32, bias=True)
    states = torch.randn(5, WIDE)
    wanted = [module(states) for module in modules.values()]
    merged = MergedLinear(modules)
    whole = merged._modules[0].weight.data.untyped_storage().data_ptr()
    assert all(one.weight.data.untyped_storage().data_ptr() == whole for one in modules.values())
    merged.use(("dense",) * len(TOKEN_COUNTS))
    assert all((one.weight.numel() == 0) == four_bit for one in modules.values())
    for at, want in enumerate(wanted):
        assert torch.allclose(merged.forward_part(at, states[None])[0], want, atol=1e-5)


def test_packing_is_bitsandbytes_own() -> None:
    """The kernel reads what bitsandbytes' conversion writes, byte for byte."""
    weight = torch.randn(96, WIDE, dtype=torch.bfloat16)
    rows, state = quantize_4bit(weight, quant_type="nf4", blocksize=64)
    ours = PackedNF4.of_rows(rows.view(96, -1), state.absmax.view(96, -1), None)
    theirs, packed_state = _convert_weight_packed_for_cpu(rows.clone(), state)
    assert torch.equal(ours._packed, theirs)
    assert torch.equal(ours._scales, packed_state.absmax)
