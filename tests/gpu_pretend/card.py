"""A card that is none: tensors that say they are on cuda:0 and hold their numbers on the CPU.

Whatever mixes devices raises, as a real one would, and what a real one would be waited for is counted.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

CARD = torch.device("cuda", 0)
_INDEXING = ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")
_WAITING = {
    "aten::_local_scalar_dense": "a number is asked for",
    "aten::nonzero": "a size depends on numbers",
    "aten::masked_select": "a size depends on numbers",
    "aten::is_nonzero": "a number is asked for",
    "aten::equal": "a number is asked for",
}
_make_tensor = torch.tensor


class CardTensor(torch.Tensor):
    """`numbers` are what it holds, on the CPU."""

    numbers: torch.Tensor

    @staticmethod
    def __new__(cls, numbers: torch.Tensor) -> "CardTensor":
        made: CardTensor = torch.Tensor._make_wrapper_subclass(
            cls,
            numbers.shape,
            strides=numbers.stride(),
            storage_offset=numbers.storage_offset(),
            dtype=numbers.dtype,
            device=torch.device("meta"),  # torch was built without CUDA
        )
        made.numbers = numbers
        return made

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return CARD

    @property
    def is_cuda(self) -> bool:  # type: ignore[override]
        return True

    def cpu(self) -> torch.Tensor:  # type: ignore[override]
        return self.to("cpu")

    def tolist(self) -> Any:
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        return _run(func, args, kwargs or {}, Counter())


class Card(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While it is entered, in a thread of one's own, `device="cuda"` means it. `seen` counts what was done."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {}, self.seen)


def pretend(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    """Let torch, which was built without CUDA, be asked for the card, with so much memory."""

    def tensor(data: Any, *, device: Any = None, **options: Any) -> torch.Tensor:
        """As `torch.tensor`, which would ask CUDA itself."""
        made = _make_tensor(data, **options)
        return made.to(device) if device is not None else made

    monkeypatch.setattr(torch, "tensor", tensor)
    monkeypatch.setattr(torch.cuda, "_lazy_init", lambda: None)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda *_: (free_bytes, 2 * free_bytes))
    torch._C._ensureCUDADeviceGuardSet()


def put_on_card(model: torch.nn.Module) -> None:
    """Move all weights."""
    for module in model.modules():
        for tensors in cast("tuple[dict[str, Any], ...]", (module._parameters, module._buffers)):
            for name, one in list(tensors.items()):
                if one is not None:
                    tensors[name] = CardTensor(one.detach())


def _run(func: Any, args: Any, kwargs: Mapping[str, Any], seen: Counter[str]) -> Any:
    name = func._schema.name
    tensors = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, torch.Tensor)]
    on_card = [one for one in tensors if isinstance(one, CardTensor)]
    target = _target(args, kwargs, bool(on_card))
    if on_card or target:
        seen["operations"] += 1
    if name in ("aten::_to_copy", "aten::to", "aten::copy_"):
        return _copy(func, args, kwargs, target, seen)
    if on_card:
        _check(name, args, tensors, on_card, seen)
    if name == "aten::_fused_sdp_choice":
        return 0  # the plain way
    out = func(*tree_map(_numbers, tuple(map(_here, args))), **tree_map(_numbers, _options_here(kwargs)))
    if name == "aten::_local_scalar_dense" or not target:
        return out
    if on_card and args and args[0] is on_card[0] and func._schema.is_mutable and name.endswith("_"):
        return args[0]
    return tree_map(lambda one: CardTensor(one) if isinstance(one, torch.Tensor) else one, out)


def _copy(func: Any, args: Any, kwargs: Mapping[str, Any], target: bool, seen: Counter[str]) -> Any:
    """From one device to the other, or not."""
    target_first = func._schema.name == "aten::copy_"
    into, source = (args[0], args[1]) if target_first else (None, args[0])
    to_card = isinstance(into, CardTensor) if target_first else target
    if isinstance(source, CardTensor) and not to_card:
        seen["waits"] += 1
    elif to_card and not isinstance(source, CardTensor):
        seen["copies to the card"] += 1
    out = func(*tree_map(_numbers, tuple(map(_here, args))), **tree_map(_numbers, _options_here(kwargs)))
    if target_first:
        return into
    return CardTensor(out) if to_card else out


def _check(name: str, args: Any, tensors: list[Any], on_card: list[Any], seen: Counter[str]) -> None:
    if name in _WAITING:
        seen["waits"] += 1
    if name in _INDEXING:
        indices = [index for index in args[1] if isinstance(index, torch.Tensor)]
        ours = [index for index in indices if not isinstance(index, CardTensor)]
        if any(index.is_meta for index in ours):
            raise TypeError("A list as an index is copied to the card behind one's back: give a tensor that is there")
        seen["copies to the card"] += len(ours)
        seen["waits"] += sum(index.dtype is torch.bool for index in indices)
        tensors = [one for one in tensors if not any(one is index for index in args[1])]
    elsewhere = [one for one in tensors if not isinstance(one, CardTensor) and one.dim()]
    if elsewhere:
        shapes = [tuple(one.shape) for one in elsewhere]
        raise RuntimeError(f"Expected all tensors to be on the same device: {name} was given {shapes} from the CPU")


def _target(args: Any, kwargs: Mapping[str, Any], on_card: bool) -> bool:
    """Whether the outcome is on the card."""
    named = [one for one in (*args, kwargs.get("device")) if isinstance(one, torch.device | str)]
    devices = [torch.device(one) for one in named if isinstance(one, torch.device) or one.partition(":")[0] in _KINDS]
    return devices[0].type == "cuda" if devices else on_card


_KINDS = ("cpu", "cuda")


def _here(one: Any) -> Any:
    return torch.device("cpu") if isinstance(one, torch.device) else one


def _options_here(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    options = {name: _here(one) for name, one in kwargs.items()}
    if options.get("device") is not None:
        options["device"] = torch.device("cpu")
    options.pop("non_blocking", None)
    options.pop("pin_memory", None)
    return options


def _numbers(one: Any) -> Any:
    return one.numbers if isinstance(one, CardTensor) else one
