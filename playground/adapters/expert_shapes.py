"""LoRA on experts, which are one parameter for all of a layer: PEFT's `target_parameters`.

PEFT wraps the module once for each of its parameters, so that only the order of the wrappers tells in the file which is
which; of a layer it has A for each expert below the other, and B with all experts side by side within each rank.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from playground.adapters.lora_config import is_target, rank_of
from playground.adapters.lora_weights import LoraShape
from playground.adapters.quote import quote
from playground.errors import AdapterError
from playground.models.experts import EXPERT_PARAMETERS

_WRAPPER = ".base_layer"
_EXPERTS = ".experts"


def check_targets(config: dict[str, Any]) -> None:
    """Raise `AdapterError` where a parameter is named that is no experts'."""
    for target in config.get("target_parameters") or ():
        if target.rpartition(".")[2] not in EXPERT_PARAMETERS:
            raise AdapterError(
                "The adapter changes the parameter {name}, which cannot be swapped into a live model; of single "
                "parameters, those of experts can.",
                name=quote(target),
            )


def named_experts(config: dict[str, Any], pairs: Iterable[LoraShape]) -> tuple[LoraShape, ...]:
    """The pairs by the names of what they change; raises `AdapterError` where it cannot be told."""
    return tuple(_named(config, pair) for pair in pairs)


def _named(config: dict[str, Any], pair: LoraShape) -> LoraShape:
    module, depth = pair.module, 0
    while module.endswith(_WRAPPER):
        module, depth = module.removesuffix(_WRAPPER), depth + 1
    names = [name for name in EXPERT_PARAMETERS if _is_target(config, f"{module}.{name}")]
    plain = bool(config.get("target_modules")) and is_target(config, pair.module)
    if not names or (plain and not module.endswith(_EXPERTS)):
        return pair
    if depth >= len(names):
        raise AdapterError("The LoRA of {module} is on more parameters than its configuration names.", module=module)
    name = f"{module}.{names[-1 - depth]}"
    rank = rank_of(config, name)
    if pair.r % rank:
        raise AdapterError(
            "The LoRA of {module} has rank {found}, but the configuration says {wanted}.",
            module=name,
            found=pair.r,
            wanted=rank,
        )
    return replace(pair, module=name, r=rank, experts=pair.r // rank, stored=pair.module)


def _is_target(config: dict[str, Any], parameter: str) -> bool:
    targets = config.get("target_parameters") or ()
    return any(parameter == target or parameter.endswith(f".{target}") for target in targets)
