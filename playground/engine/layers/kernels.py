"""Ways to multiply by a weight. All of one weight give the same product but for rounding; which is fastest depends on
the machine, the weight's shape and how many tokens there are.

They read `states` (T, in) and return (T, out), in the computing precision.
"""

import ctypes
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import torch
from torch import nn
from torch.nn.functional import linear

from playground.models.quantization import BLOCK, ROWS, bnb

NF4_LEVELS: torch.Tensor = bnb.functional.get_4bit_type("nf4", device="cpu")
"""The 16 numbers, in rising order, that 4 bits stand for."""

_LARGEST_HALF = torch.finfo(torch.half).max


class LinearKernel(Protocol):
    """One way to multiply by one weight."""

    name: ClassVar[str]
    num_bytes: int
    """What it holds beside the modules' own weights."""

    def __call__(self, states: torch.Tensor) -> torch.Tensor: ...


class AsLoaded:
    """Whatever the modules themselves do; 4-bit ones unfold their weight at every call on most CPUs."""

    name: ClassVar[str] = "as loaded"
    num_bytes = 0

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self._modules = tuple(modules)

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        outs = [type(module).forward(module, states) for module in self._modules]
        return outs[0] if len(outs) == 1 else torch.cat(outs, -1)


class Dense:
    """The whole weight in the computing precision, rows as they come."""

    name: ClassVar[str] = "dense"

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, owned: bool) -> None:
        self._weight, self._bias = weight, bias
        self.num_bytes = weight.nbytes if owned else 0

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        return linear(states, self._weight, self._bias)


class Prepacked:
    """The whole weight in the layout that oneDNN multiplies in, which it would otherwise make at every call."""

    name: ClassVar[str] = "prepacked"

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), 1)
        self._bias = bias
        self.num_bytes = weight.nbytes

    @staticmethod
    def supported(dtype: torch.dtype) -> bool:
        if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
            return False
        return dtype is torch.float32 or (dtype is torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported())

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = torch.ops.mkldnn._linear_pointwise(states, self._weight, self._bias, "none", [], "")
        return out


class PackedHalf:
    """FBGEMM's product of fp32 states with the whole weight in fp16: half the bytes, where a CPU has no bf16."""

    name: ClassVar[str] = "packed fp16"

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        self._packed = torch.ops.quantized.linear_prepack_fp16(weight, bias)
        self.num_bytes = weight.numel() * torch.half.itemsize

    @staticmethod
    def supported(dtype: torch.dtype) -> bool:
        return dtype is torch.float32 and "fbgemm" in torch.backends.quantized.supported_engines

    @staticmethod
    def holds(weight: torch.Tensor) -> bool:
        """Whether nothing is lost but for numbers next to 0: what was made in bf16 has fewer digits than fp16 keeps."""
        return bool(torch.equal(weight, weight.bfloat16().float())) and float(weight.abs().max()) < _LARGEST_HALF

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = torch.ops.quantized.linear_dynamic_fp16(states, self._packed)
        return out


class PackedNF4:
    """bitsandbytes' product with 4-bit weights as they are, past its modules, whose checks cost as much as it does."""

    name: ClassVar[str] = "packed NF4"

    def __init__(self, packed: torch.Tensor, scales: torch.Tensor, bias: torch.Tensor | None) -> None:
        """`packed` (out, in / 2) and `scales` (in / 64, out) as bitsandbytes packs them for this CPU."""
        self._packed, self._scales, self._bias = packed, scales, bias
        self._wide, self._rows = 2 * packed.shape[1], packed.shape[0]
        self._product = bnb.cextension.lib.gemv_4bit_inference_cpu_nf4_bf16
        self._product.restype = None
        self._product.argtypes = [ctypes.c_int64] * 3 + [ctypes.c_void_p] * 4 + [ctypes.c_int64] * 3
        self.num_bytes = packed.nbytes + scales.nbytes

    @staticmethod
    def supported(dtype: torch.dtype) -> bool:
        return (
            dtype is torch.bfloat16
            and bnb.functional.has_avx512bf16()
            and hasattr(bnb.cextension.lib, "gemv_4bit_inference_cpu_nf4_bf16")
        )

    @classmethod
    def of(cls, layer: Any, bias: torch.Tensor | None) -> "PackedNF4":
        rows, scales = layer.weight.data.view(torch.uint8), layer.weight.quant_state.absmax
        return cls.of_rows(rows.view(layer.out_features, -1), scales.view(layer.out_features, -1), bias)

    @classmethod
    def of_rows(cls, weight: torch.Tensor, scales: torch.Tensor, bias: torch.Tensor | None) -> "PackedNF4":
        """`weight` (out, in / 2), two numbers a byte, and `scales` (out, in / 64), as they are loaded."""
        return cls(_packed(weight), scales.T.to(torch.bfloat16).contiguous(), bias)

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        states = states.contiguous()
        out = states.new_empty(len(states), self._rows)
        self._product(
            len(states),
            self._rows,
            self._wide,
            states.data_ptr(),
            self._packed.data_ptr(),
            self._scales.data_ptr(),
            out.data_ptr(),
            BLOCK,
            self._wide,
            self._rows,
        )
        return out if self._bias is None else out.add_(self._bias)


def _packed(weight: torch.Tensor) -> torch.Tensor:
    """(out, in / 2): for each 32 rows and each pair of columns 32 bytes, of which each holds one number of one of the
    first 16 rows and, in its upper half, the one 16 rows below.

    The same bytes as bitsandbytes' own way, which takes ten times the space.
    """
    halves = weight.view(len(weight) // ROWS, 2, ROWS // 2, -1)
    upper, lower = halves[:, 0], halves[:, 1]
    even = (upper >> 4) | (lower & 0xF0)
    odd = (upper & 0x0F) | (lower << 4)
    return torch.stack((even, odd), -1).permute(0, 2, 1, 3).reshape(weight.shape)


KERNELS: tuple[type[LinearKernel], ...] = (AsLoaded, Dense, Prepacked, PackedHalf, PackedNF4)
"""All that there are."""
