"""Quantized weights on the disk, in transformers' own format, so that a model is quantized once and not at each start.

bitsandbytes takes five seconds on two cores for half a billion weights, and a fifth of one to read what came out. What
is read is the same bit for bit. It must be written before the first forward pass, which may re-pack the weights.
"""

import hashlib
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bitsandbytes
import torch
import transformers
from transformers import AutoConfig, PreTrainedModel

from playground.files import publish_folder
from playground.models.fingerprint import fingerprint
from playground.models.quantization import QuantizationPlan

log = logging.getLogger(__name__)

MAX_MODELS = 2
"""The ones that were used last stay."""
MIN_PARAMETERS = 50_000_000
"""Smaller ones are quantized in no time."""
MIN_FREE_BYTES = 2 * 2**30
"""What is left free on the disk."""
_WRITING = ".writing"

Loaded = tuple[PreTrainedModel, dict[str, Any]]
"""A model, and what transformers tells of its loading."""


class QuantizedCache:
    """In the folder `root`, one folder for each model in one precision. One process may write, others may read."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def load(
        self, folder: Path, plan: QuantizationPlan, make: Callable[..., Loaded], load: Callable[..., Loaded]
    ) -> Loaded:
        """Read the model of `folder` from here, or else `make` and keep it; `load` is `from_pretrained`."""
        entry = self._root / _key(folder, plan)
        if entry.is_dir():
            try:
                loaded = load(entry, config=AutoConfig.from_pretrained(entry, local_files_only=True))
                loaded[0].config._name_or_path = str(folder)  # which an adapter names as its base
                os.utime(entry)
                return loaded
            except Exception:
                log.warning("The quantized weights in %s cannot be read, and are made again", entry, exc_info=True)
                shutil.rmtree(entry, ignore_errors=True)
        loaded = make(quantization_config=plan.config)
        try:
            self._keep(entry, loaded[0])
        except Exception:  # a full disk must not keep a model from starting
            log.warning("The quantized weights could not be kept in %s", entry, exc_info=True)
        return loaded

    def newest(self) -> list[Path]:
        """The folders of the models that were used last, the last one first."""
        folders = [path for path in self._root.glob("*") if path.is_dir() and path.name != _WRITING]
        return sorted(folders, key=lambda path: -path.stat().st_mtime)

    def _keep(self, entry: Path, model: PreTrainedModel) -> None:
        size = model.get_memory_footprint()
        if model.num_parameters() < MIN_PARAMETERS:
            return
        self._root.mkdir(parents=True, exist_ok=True)
        for old in self.newest()[MAX_MODELS - 1 :]:
            shutil.rmtree(old, ignore_errors=True)
        if shutil.disk_usage(self._root).free - size < MIN_FREE_BYTES:
            log.warning("There is no room for quantized weights in %s: they are made again at each start", self._root)
            return
        writing = self._root / _WRITING
        shutil.rmtree(writing, ignore_errors=True)
        model.save_pretrained(writing)
        publish_folder(writing, entry)
        log.info("Kept %.1f GiB of quantized weights in %s", size / 2**30, entry)


def _key(folder: Path, plan: QuantizationPlan) -> str:
    """Of all that the weights come from. Times are in it because large files are not read whole for a fingerprint."""
    files = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.glob("*.safetensors"))]
    versions = [module.__version__ for module in (bitsandbytes, transformers, torch)]
    told = (fingerprint(folder), files, versions, str(plan.dtype), plan.config and plan.config.to_json_string())
    return hashlib.sha256(repr(told).encode()).hexdigest()[:32]
