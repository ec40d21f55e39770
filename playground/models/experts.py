"""Experts as transformers holds them: of each layer, one parameter for all."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what only reads an adapter's files needs no torch
    from torch import nn

EXPERT_PARAMETERS = ("gate_up_proj", "up_proj", "down_proj")
"""In the order in which they are defined, which is that in which PEFT wraps them: the last is the outermost."""


def are_experts(module: "nn.Module") -> bool:
    """Whether it holds experts that transformers runs by its common steps."""
    down = module._parameters.get("down_proj")
    return hasattr(module, "has_post_expert_norm") and down is not None and down.dim() == 3


def expert_sizes(module: "nn.Module") -> dict[str, tuple[int, int, int]]:
    """(in_features, out_features, how many experts) of each of their parameters that LoRA may be on."""
    found = {}
    for name in EXPERT_PARAMETERS:
        parameter = module._parameters.get(name)
        if parameter is not None:
            many, rows, columns = parameter.shape
            found[name] = (rows, columns, many) if module.is_transposed else (columns, rows, many)
    return found
