"""Linear layers as the engine runs them: those that read the same input as one product, in the way that is fastest for
so many tokens, with LoRA added to it."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import Any, cast

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from playground.engine.layers.kernels import AsLoaded, Dense, LinearKernel, PackedHalf, PackedNF4, Prepacked
from playground.models.quantization import bnb

TOKEN_COUNTS = (1, 4, 16, 128)
"""One token, a few, many, a prompt: kernels are measured at so many."""
UP_TO = (1, 8, 48)
"""The largest count that goes by each of them but the last."""

Choice = tuple[str, ...]
"""The name of a kernel for each of `TOKEN_COUNTS`."""

AddLora = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Of `states` (T, in) and the base's `out` (T, out): `out` with the adapters' part."""


def token_class(num_tokens: int) -> int:
    """Which of `TOKEN_COUNTS` so many tokens go by."""
    return sum(num_tokens > most for most in UP_TO)


class MergedLinear:
    """One or several linear layers with the same input; their outputs stand side by side, in their order."""

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        """`modules` by their names in the model. Their weights become parts of one."""
        self.modules = dict(modules)
        sizes = [size_of(module) for module in modules.values()]
        self.in_features = sizes[0][0]
        self.out_features = [rows for _, rows in sizes]
        self.add_lora: AddLora | None = None
        self._modules = _merged(list(modules.values()))
        self.kernels: tuple[LinearKernel, ...] = (AsLoaded(self._modules),) * len(TOKEN_COUNTS)

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """`states` (T, in); returns (T, all outs)."""
        out = self.kernels[token_class(len(states))](states)
        return out if self.add_lora is None else self.add_lora(states, out)

    @property
    def dtype(self) -> torch.dtype:
        """That it computes in."""
        module: Any = self._modules[0]
        found: torch.dtype = module.compute_dtype if isinstance(module, bnb.nn.Linear4bit) else module.weight.dtype
        return found

    @property
    def shape_name(self) -> str:
        """What its kernels' speed depends on."""
        return f"{self.in_features} to {'+'.join(map(str, self.out_features))}"

    @property
    def label(self) -> str:
        """What people know it by."""
        return "+".join(name.rpartition(".")[2] for name in self.modules)

    def candidates(self) -> dict[str, Callable[[], LinearKernel]]:
        """What makes the kernels that there are for it."""
        found: dict[str, Callable[[], LinearKernel]] = {AsLoaded.name: lambda: AsLoaded(self._modules)}
        module: Any = self._modules[0]
        if (
            len(self._modules) > 1
            or type(module) not in (nn.Linear, bnb.nn.Linear4bit)
            or module.weight.device.type != "cpu"
        ):
            return found
        four_bit = isinstance(module, bnb.nn.Linear4bit)
        dtype = self.dtype
        bias = None if module.bias is None else module.bias.data.to(dtype)
        if four_bit and PackedNF4.supported(dtype):
            found[PackedNF4.name] = lambda: PackedNF4.of(module, bias)
        found[Dense.name] = lambda: Dense(_dense(module).to(dtype), bias, owned=four_bit)
        if Prepacked.supported(dtype):
            found[Prepacked.name] = lambda: Prepacked(_dense(module).to(dtype), bias)
        if PackedHalf.supported(dtype) and self._half_is_enough:
            found[PackedHalf.name] = lambda: PackedHalf(_dense(module).to(dtype), bias)
        return found

    @cached_property
    def _half_is_enough(self) -> bool:
        """Whether fp16 holds the weight; the numbers of a 4-bit one are rounded far more than that already."""
        module = self._modules[0]
        return isinstance(module, bnb.nn.Linear4bit) or PackedHalf.holds(cast(nn.Linear, module).weight.data)

    def use(self, choice: Choice, *, keep: bool = False) -> None:
        """Multiply with these kernels from now on; weights that none of them reads are let go of, unless to `keep`."""
        makers = self.candidates()
        made = {name: makers[name]() for name in set(choice)}
        self.kernels = tuple(made[name] for name in choice)
        if not keep and all(kernel.num_bytes for kernel in self.kernels):
            module: Any
            for module in (*self._modules, *self.modules.values()):
                module.weight.data = torch.empty(0, dtype=module.weight.dtype)

    def forward_part(self, index: int, states: torch.Tensor) -> torch.Tensor:
        """What the module at `index` would return for `states` (…, in): for whoever runs the model's own code."""
        out = torch.split(self(states.flatten(0, -2)), self.out_features, -1)[index]
        return out.reshape(*states.shape[:-1], -1)


def size_of(module: nn.Module) -> tuple[int, int]:
    """(in_features, out_features); bitsandbytes' layers are `nn.Linear`s too."""
    if isinstance(module, Conv1D):
        return module.nx, module.nf
    return cast(nn.Linear, module).in_features, cast(nn.Linear, module).out_features


def _dense(module: Any) -> torch.Tensor:
    """(out, in)."""
    weight = module.weight
    four_bit = isinstance(module, bnb.nn.Linear4bit)
    dense: torch.Tensor = bnb.functional.dequantize_4bit(weight.data, weight.quant_state) if four_bit else weight.data
    return dense


def _merged(modules: list[nn.Module]) -> list[nn.Module]:
    """One module for all where they are of a kind whose rows can stand below each other; theirs become its parts."""
    kinds = {type(module) for module in modules}
    if len(modules) == 1 or kinds not in ({nn.Linear}, {bnb.nn.Linear4bit}):
        return modules
    layers = cast(list[Any], modules)
    merged = copy(layers[0])
    merged._parameters = dict(layers[0]._parameters)
    merged.out_features = sum(layer.out_features for layer in layers)
    weight = torch.cat([layer.weight.data for layer in layers])
    if kinds == {nn.Linear}:
        merged.weight = nn.Parameter(weight, requires_grad=False)
    else:
        states = [layer.weight.quant_state for layer in layers]
        if any(state.nested for state in states):
            return modules
        state = copy(states[0])
        weight_shape = torch.Size((merged.out_features, merged.in_features))
        state.absmax, state.shape = torch.cat([one.absmax for one in states]), weight_shape
        kept = {"quant_state": state, "bnb_quantized": True, "quant_type": state.quant_type, "module": merged}
        merged.weight = bnb.nn.Params4bit(weight, requires_grad=False, blocksize=state.blocksize, **kept)
        merged.quant_state = state
        _share(states, state.absmax, "absmax")
    _share([layer.weight for layer in layers], merged.weight.data, "data")
    biases = [layer.bias for layer in layers]
    some = next((bias for bias in biases if bias is not None), None)
    if some is not None:
        parts = [some.new_zeros(one.out_features) if one.bias is None else one.bias.data for one in layers]
        merged.bias = nn.Parameter(torch.cat(parts), requires_grad=False)
    return [merged]


def _share(holders: Sequence[Any], whole: torch.Tensor, name: str) -> None:
    """Let each of the holders hold its part of the whole, in the place of a copy."""
    parts = torch.split(whole, [len(getattr(holder, name)) for holder in holders])
    for holder, part in zip(holders, parts, strict=True):
        setattr(holder, name, part)
