"""Read a LoRA adapter in PEFT's format and check it against the layers of the loaded model."""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from playground.errors import AdapterError

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
_PREFIX = "base_model.model."
_KEY = re.compile(r"(?P<layer>.+)\.lora_(?P<side>[AB])(?:\.default)?\.weight")
_SIMPLE_PATTERN = re.compile(r"[\w.|^$\\*-]{1,200}")
"""Patterns are a stranger's regular expressions: without groups and repeats of groups they cannot run forever."""

_UNSUPPORTED = {
    "use_dora": "DoRA",
    "use_qalora": "QALoRA",
    "use_bdlora": "BD-LoRA",
    "lora_bias": "a bias",
    "modules_to_save": "whole layers beside LoRA (modules_to_save)",
    "trainable_token_indices": "trained tokens",
    "layer_replication": "repeated layers",
    "alora_invocation_tokens": "activation tokens (aLoRA)",
    "target_parameters": "LoRA on bare parameters",
    "arrow_config": "Arrow routing",
}
_CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")
"""Ways to start LoRA that rewrite the base's weights too, so the adapter is wrong on the base itself."""

Widths = dict[str, tuple[int, int]]
"""(in_features, out_features) of each linear layer, by its name in the model."""


@dataclass(frozen=True, slots=True)
class LoraLayer:
    """`down` [r, in] and `up` [out, r]; the layer's output grows by `scaling * x @ down.T @ up.T`."""

    down: torch.Tensor
    up: torch.Tensor
    scaling: float


@dataclass(frozen=True, slots=True)
class LoraAdapter:
    layers: dict[str, LoraLayer]

    @property
    def size_bytes(self) -> int:
        return sum(4 * (layer.down.numel() + layer.up.numel()) for layer in self.layers.values())


def read_adapter(folder: Path, widths: Widths, device: torch.device) -> LoraAdapter:
    """Read and check the adapter in `folder`; its weights arrive in fp32 on `device`.

    Raises `AdapterError` with the reason for whatever this model cannot use as it is.
    """
    config = _read_config(folder)
    pairs = _pair_up(_read_weights(folder), widths)
    layers = {}
    for name, sides in pairs.items():
        down, up = _check_shapes(name, sides, config, widths[name])
        scaling = _scaling(name, config)
        layers[name] = LoraLayer(down.to(device, torch.float32), up.to(device, torch.float32), scaling)
    if not layers:
        raise AdapterError("The adapter holds no LoRA weights. Export it again with PEFT.")
    return LoraAdapter(layers)


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AdapterError("The adapter's {file} is missing or cannot be read.", file=CONFIG_FILE) from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise AdapterError("This is not a LoRA adapter, the only kind that can be used here.")
    if config.get("task_type") not in (None, "CAUSAL_LM"):
        raise AdapterError(
            "This adapter was made for the task {task}, not for writing text (CAUSAL_LM).", task=config["task_type"]
        )
    for key, what in _UNSUPPORTED.items():
        if config.get(key):
            raise AdapterError("This adapter uses {what}, which cannot be swapped into a live model.", what=what)
    if config.get("bias", "none") != "none":
        raise AdapterError("This adapter trains biases, which cannot be swapped into a live model.")
    if str(config.get("init_lora_weights")).startswith(_CHANGES_BASE):
        raise AdapterError("This adapter also changed the base model when it was made, so it does not fit the base.")
    for key in ("r", "lora_alpha"):
        value = config.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value <= 0:
            raise AdapterError("The adapter's {file} has no usable {key}.", file=CONFIG_FILE, key=key)
    for key in ("rank_pattern", "alpha_pattern"):
        if not isinstance(config.get(key) or {}, dict):
            raise AdapterError("The adapter's {file} has no usable {key}.", file=CONFIG_FILE, key=key)
    return config


def _read_weights(folder: Path) -> dict[str, torch.Tensor]:
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise AdapterError(
            "The adapter has no {file}. Other formats are not opened: they can run code.", file=path.name
        )
    try:
        return dict(load_file(path))
    except (OSError, ValueError, SafetensorError) as error:
        raise AdapterError("The adapter's {file} is damaged. Export or copy it again.", file=path.name) from error


def _pair_up(weights: dict[str, torch.Tensor], widths: Widths) -> dict[str, dict[str, torch.Tensor]]:
    pairs: dict[str, dict[str, torch.Tensor]] = {}
    for key, tensor in weights.items():
        match = _KEY.fullmatch(key)
        if match is None or not match["layer"].startswith(_PREFIX):
            raise AdapterError("The adapter holds '{key}', which is not a LoRA weight.", key=key[:120])
        layer = match["layer"].removeprefix(_PREFIX)
        if layer not in widths:
            raise AdapterError("The adapter is for another model: this one has no layer {layer}.", layer=layer[:120])
        if not tensor.dtype.is_floating_point or not bool(tensor.isfinite().all()):
            raise AdapterError("The adapter's weights for {layer} are not usable numbers.", layer=layer)
        pairs.setdefault(layer, {})[match["side"]] = tensor
    return pairs


def _check_shapes(
    name: str, sides: dict[str, torch.Tensor], config: dict[str, Any], width: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    if set(sides) != {"A", "B"}:
        raise AdapterError("The adapter holds only half of the weights for {layer}.", layer=name)
    rank = _by_pattern(name, config, "rank_pattern", "r")
    wide, rows = width
    down, up = sides["A"], sides["B"]
    if tuple(down.shape) != (rank, wide) or tuple(up.shape) != (rows, rank):
        raise AdapterError(
            "The adapter is for another model: its weights for {layer} are {down} and {up}, where this model "
            "needs {need_down} and {need_up}.",
            layer=name,
            down=list(down.shape),
            up=list(up.shape),
            need_down=[rank, wide],
            need_up=[rows, rank],
        )
    return down, up


def _scaling(name: str, config: dict[str, Any]) -> float:
    rank = _by_pattern(name, config, "rank_pattern", "r")
    alpha = _by_pattern(name, config, "alpha_pattern", "lora_alpha")
    return alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank


def _by_pattern(name: str, config: dict[str, Any], patterns: str, default: str) -> float:
    """The value of the first pattern that matches the end of the layer's name, as PEFT reads them."""
    for pattern, value in (config.get(patterns) or {}).items():
        if not _SIMPLE_PATTERN.fullmatch(pattern) or pattern.count("*") > 3:
            raise AdapterError("The adapter's {key} is too involved to be read.", key=patterns)
        try:
            matches = re.match(rf"(.*\.)?({pattern})$", name)
        except re.error as error:
            raise AdapterError("The adapter's {key} cannot be read.", key=patterns) from error
        if matches and isinstance(value, (int, float)) and math.isfinite(value) and value > 0:
            return value
    return float(config[default]) if default == "lora_alpha" else int(config[default])
