"""The configuration of a PEFT adapter from a stranger: known keys, plain LoRA, bounded values.

Its regular expressions are run with a bound on their time: a wicked one could hang the server.
"""

import json
import math
import re
from pathlib import Path
from typing import Any

import regex

from playground.adapters.quote import quote
from playground.errors import AdapterError

CONFIG = "adapter_config.json"
MAX_CONFIG_BYTES = 256 * 1024
MAX_RANK = 512

KNOWN_KEYS = frozenset(
    {
        "r",
        "target_modules",
        "exclude_modules",
        "lora_alpha",
        "lora_dropout",
        "fan_in_fan_out",
        "bias",
        "use_rslora",
        "modules_to_save",
        "init_lora_weights",
        "layers_to_transform",
        "layers_pattern",
        "rank_pattern",
        "alpha_pattern",
        "megatron_config",
        "megatron_core",
        "trainable_token_indices",
        "loftq_config",
        "eva_config",
        "corda_config",
        "lora_ga_config",
        "use_dora",
        "velora_config",
        "alora_invocation_tokens",
        "use_qalora",
        "qalora_group_size",
        "monteclora_config",
        "layer_replication",
        "runtime_config",
        "lora_bias",
        "target_parameters",
        "use_bdlora",
        "arrow_config",
        "kasa_config",
        "ensure_weight_tying",
        "task_type",
        "peft_type",
        "auto_mapping",
        "peft_version",
        "base_model_name_or_path",
        "revision",
        "inference_mode",
    }
)
"""Source: the fields of PEFT 0.21.2's `LoraConfig` and the classes that it extends."""

_MUST_BE_OFF = {
    "use_dora": "DoRA",
    "modules_to_save": "modules_to_save, whole layers in place of LoRA",
    "lora_bias": "trained biases",
    "trainable_token_indices": "trained embeddings",
    "layer_replication": "replicated layers",
    "alora_invocation_tokens": "aLoRA",
    "use_qalora": "QA-LoRA",
    "use_bdlora": "block-diagonal LoRA",
    "arrow_config": "Arrow routing",
    "kasa_config": "KaSA",
    "velora_config": "VeLoRA",
    "monteclora_config": "MonteCLoRA",
    "megatron_config": "Megatron layers",
    "loftq_config": "LoftQ, which changes the base model",
    "corda_config": "CorDA, which changes the base model",
    "lora_ga_config": "LoRA-GA, which changes the base model",
    "runtime_config": "settings of the program that made it",
}
_PLAIN_STARTS = ("gaussian", "orthogonal", "eva")
"""Texts of `init_lora_weights` that leave the base model's weights alone (PiSSA, OLoRA and others do not)."""

_MAX_PATTERNS = 20
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_MAX_EXPRESSION = 1_000
_PATIENCE_S = 0.05
"""Beyond it a regular expression is a wicked one: an honest one takes microseconds for a name."""
_FAR = 1e12
"""Numbers beyond it, NaN and infinity are no numbers here."""


def read_config(path: Path) -> dict[str, Any]:
    """The checked configuration; raises `AdapterError` with the first reason against it."""
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise AdapterError("{name} is too long to be an adapter's configuration.", name=CONFIG)
        config = json.loads(path.read_text(encoding="utf-8-sig"))  # as some editors on Windows save it
    except (ValueError, OSError, RecursionError) as error:
        raise AdapterError("{name} is not JSON. Save the adapter again.", name=CONFIG) from error
    if not isinstance(config, dict):
        raise AdapterError("{name} is not a JSON object. Save the adapter again.", name=CONFIG)
    config = {name: value for name, value in config.items() if value is not None}  # as if it were not there
    _check_kind(config)
    _check_numbers(config)
    _check_names(config)
    return config


def rank_of(config: dict[str, Any], module: str) -> int:
    """The rank that the configuration gives a module."""
    return int(_of(config["rank_pattern"], module, config["r"]))


def scaling_of(config: dict[str, Any], module: str) -> float:
    """alpha / r, or alpha / sqrt(r) with RSLoRA; a layer's own alpha goes before the common one, as in PEFT."""
    alpha, rank = float(_of(config["alpha_pattern"], module, config["lora_alpha"])), rank_of(config, module)
    return alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank


def is_target(config: dict[str, Any], module: str) -> bool:
    """Whether PEFT, told by this configuration, would put LoRA on the module.

    Source: `check_target_module_exists` of PEFT 0.21.
    """
    excluded, targets = config.get("exclude_modules"), config.get("target_modules")
    if excluded and _named(excluded, module):
        return False
    if targets in (None, "all-linear"):
        return True
    layers = config.get("layers_to_transform")
    if isinstance(targets, str) or module in targets or layers in (None, frozenset()):
        return _named(targets, module)
    index = _layer_index(config.get("layers_pattern") or [], module)
    return _named(targets, module) and index in (layers if isinstance(layers, frozenset) else {layers})


def _named(names: str | frozenset[str], module: str) -> bool:
    """A single name is a regular expression for the whole of a module's; each of several may be its end."""
    return _matches(names, module) if isinstance(names, str) else not names.isdisjoint(_ends(module))


def _layer_index(patterns: str | list[str], module: str) -> int | None:
    """The number that follows the first of the names that is there, or any name where none is given."""
    names = [patterns] if isinstance(patterns, str) else patterns
    for before in [rf"(?:.*?\.)?{re.escape(name)}" for name in names] or [r".*?\.[^.]*"]:
        if found := re.match(rf"{before}\.(\d{{1,9}})\.", module):
            return int(found[1])
    return None


def _of(pattern: dict[str, Any], module: str, common: Any) -> Any:
    """A module's own value; of several names that fit, or regular expressions, the one that stands first counts."""
    ends = _ends(module)
    plain = all(_NAME.fullmatch(name) for name in pattern)
    fits = ends.__contains__ if plain else lambda name: name in ends or _matches(rf"(.*\.)?({name})", module)
    return next((value for name, value in pattern.items() if fits(name)), common)


def _matches(expression: str, module: str) -> bool:
    if expression == module:
        return True
    try:
        return bool(regex.fullmatch(expression, module, timeout=_PATIENCE_S))
    except (regex.error, TimeoutError, RecursionError, OverflowError, MemoryError) as error:
        raise AdapterError(
            "{file} has a regular expression, '{expression}', that cannot be used. Save the adapter with layers' names "
            "there.",
            file=CONFIG,
            expression=quote(expression),
        ) from error


def _ends(module: str) -> set[str]:
    """The module's name, and what of it follows each dot."""
    return {module, *(module[at + 1 :] for at, sign in enumerate(module) if sign == ".")}


def _check_kind(config: dict[str, Any]) -> None:
    if config.get("peft_type") != "LORA":
        raise AdapterError(
            "The adapter is of the kind {kind}; only LORA can be used.", kind=quote(config.get("peft_type"))
        )
    for name, value in config.items():
        if name not in KNOWN_KEYS and value and not name.endswith("_version"):  # what is off changes nothing
            raise AdapterError(
                "{file} holds '{name}', which is not known here. Save the adapter with PEFT 0.21.",
                file=CONFIG,
                name=quote(name),
            )
    if config.get("task_type") not in ("CAUSAL_LM", None):
        raise AdapterError(
            "The adapter is made for {task}; only those for CAUSAL_LM, which writes text, can be used.",
            task=quote(config["task_type"]),
        )
    for name, what in _MUST_BE_OFF.items():
        if config.get(name):
            raise AdapterError(
                "The adapter uses {what} ({name}), which cannot be swapped into a live model.", what=what, name=name
            )
    if config.get("bias", "none") != "none":
        raise AdapterError(
            "The adapter changes biases (bias is '{value}'), which cannot be swapped into a live model.",
            value=quote(config["bias"]),
        )
    start = config.get("init_lora_weights")
    if not (start is None or isinstance(start, bool) or start in _PLAIN_STARTS):
        raise AdapterError(
            "The adapter needs a changed base model (init_lora_weights is '{value}').", value=quote(start)
        )


def _check_numbers(config: dict[str, Any]) -> None:
    for name in ("rank_pattern", "alpha_pattern"):
        config[name] = config.get(name) or {}
        if not isinstance(config[name], dict):
            raise _bad(name)
        if not all(len(key) <= _MAX_EXPRESSION for key in config[name]) or len(config[name]) > 5_000:
            raise _bad(name)
    ranks = [config.get("r"), *config["rank_pattern"].values()]
    if not all(isinstance(r, int) and not isinstance(r, bool) and 1 <= r <= MAX_RANK for r in ranks):
        raise AdapterError("The rank (r) must be a whole number from 1 to {limit}.", limit=MAX_RANK)
    alphas = [config.get("lora_alpha"), *config["alpha_pattern"].values()]
    if not all(_number(alpha) and 0 < alpha <= 10_000 for alpha in alphas):
        raise AdapterError("lora_alpha must be a number above 0 and at most 10,000.")
    if not _number(config.get("lora_dropout", 0.0)) or not 0 <= config.get("lora_dropout", 0.0) <= 1:
        raise _bad("lora_dropout")
    layers = config.get("layers_to_transform")
    if not all(isinstance(layer, int) for layer in (layers if isinstance(layers, list) else [layers or 0])):
        raise _bad("layers_to_transform")


def _check_names(config: dict[str, Any]) -> None:
    for name in ("target_modules", "exclude_modules", "layers_pattern"):
        given = config.get(name)
        expression = name != "layers_pattern" and isinstance(given, str) and len(given) <= _MAX_EXPRESSION
        if given not in (None, "", []) and not expression and not _names(given):
            raise _pattern(name) if isinstance(given, str) else _bad(name)
    for name in ("target_modules", "exclude_modules", "layers_to_transform"):
        if isinstance(config.get(name), list):
            config[name] = frozenset(config[name])
    if isinstance(config.get("layers_pattern"), list) and len(config["layers_pattern"]) > _MAX_PATTERNS:
        raise _bad("layers_pattern")
    if not _names(config.get("target_parameters", [])):
        raise _bad("target_parameters")
    mapping = config.get("auto_mapping") or {}
    if not isinstance(mapping, dict) or not all(isinstance(value, str | bool) for value in mapping.values()):
        raise _bad("auto_mapping")
    for name in ("use_rslora", "fan_in_fan_out", "inference_mode"):
        if not isinstance(config.get(name, False), bool):
            raise _bad(name)
    for name in ("base_model_name_or_path", "revision"):
        value = config.get(name)
        if value is not None and not (isinstance(value, str) and len(value) <= 500 and value.isprintable()):
            raise _bad(name)


def _names(value: object) -> bool:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or len(names) > 5_000:
        return False
    return all(isinstance(name, str) and _NAME.fullmatch(name) for name in names)


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -_FAR < value < _FAR


def _pattern(name: str) -> AdapterError:
    return AdapterError(
        "{file} has a regular expression for {name}, which is not run here. Save the adapter with layers' names there.",
        file=CONFIG,
        name=name,
    )


def _bad(name: str) -> AdapterError:
    return AdapterError("{file} has a value for {name} that cannot be used.", file=CONFIG, name=name)
