"""Which kernels were chosen for a machine and a model, so that only the first start has to measure."""

import hashlib
import json
import logging
import platform
from importlib.metadata import version
from pathlib import Path

import torch

from playground.engine.layers.autotune import KERNEL_SHARE, tune
from playground.engine.layers.executor import KernelChoices, ModelExecutor
from playground.engine.layers.kernels import KERNELS
from playground.files import write_text
from playground.memory import free_beside
from playground.models.loader import LoadedModel

log = logging.getLogger(__name__)

_MAX_REMEMBERED = 64
_MAX_SAMPLE_TOKENS = 96
_SAMPLE = (
    "The capital of France is Paris. Photosynthesis turns light into sugar: leaves take in water and carbon dioxide, "
    "and give off oxygen. def add(a, b):\n    return a + b\n\nDer Hund schläft heute im Garten. 今天天气很好。 "
    "Dear Ms Miller, thank you for your letter of 3 May; the parcel has not come yet. 12 * 12 = 144."
)


def kernel_choices(executor: ModelExecutor, loaded: LoadedModel, cache: Path | None) -> KernelChoices:
    """What was chosen before, as far as there is memory for it now; otherwise what measuring says, kept in `cache`."""
    if loaded.device.type != "cpu":
        return KernelChoices()
    max_bytes = int(KERNEL_SHARE * free_beside())
    key = _key(loaded)
    remembered = _read(cache)
    if key in remembered and remembered[key].num_bytes <= max_bytes:
        return remembered[key]
    sample = loaded.tokenizer.encode(_SAMPLE)[:_MAX_SAMPLE_TOKENS]
    chosen = tune(executor, sample, max_bytes)
    log.info("kernels chosen for %s: %s", loaded.info.name, chosen)
    if cache:
        kept = [*((one, choices) for one, choices in remembered.items() if one != key), (key, chosen)]
        rows = {one: choices.model_dump() for one, choices in kept[-_MAX_REMEMBERED:]}
        write_text(cache, json.dumps(rows, indent=1))
    return chosen


def _key(loaded: LoadedModel) -> str:
    """What a choice depends on."""
    facts = (
        _cpu_name(),
        torch.backends.cpu.get_cpu_capability(),
        torch.get_num_threads(),
        tuple(kernel.name for kernel in KERNELS),
        torch.__version__,
        version("bitsandbytes"),
        loaded.info.fingerprint,
        loaded.info.quantization,
        loaded.info.dtype,
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.exists() else []
    return next((line for line in lines if line.startswith("model name")), platform.processor())


def _read(cache: Path | None) -> dict[str, KernelChoices]:
    """What is remembered; nothing where the file is not there or cannot be read."""
    try:
        rows = json.loads(cache.read_text(encoding="utf-8")) if cache and cache.exists() else {}
        return {key: KernelChoices.model_validate(row) for key, row in rows.items()}
    except (OSError, ValueError, AttributeError) as error:
        log.warning("what was measured before cannot be read and is measured again: %s", error)
        return {}
