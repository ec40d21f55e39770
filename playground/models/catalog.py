"""Base models known to do well here, and which of them fits a GPU."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

STARTER_FOLDER = Path(__file__).resolve().parents[2] / "assets" / "smollm2"

_EUROPEAN = ("English", "German", "French", "Spanish", "Italian", "Portuguese")
COMMON_LANGUAGES = (*_EUROPEAN, "Dutch", "Polish", "Russian", "Chinese", "Japanese", "Korean", "Arabic", "Hindi")
"""Offered for a model that nobody described."""

_QWEN2 = (*_EUROPEAN, "Dutch", "Russian", "Chinese", "Japanese", "Korean", "Vietnamese", "Thai", "Arabic")
_QWEN3 = (*_QWEN2, "Polish", "Czech", "Swedish", "Turkish", "Greek", "Hebrew", "Hindi", "Indonesian", "Ukrainian")


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """`memory_gib_4bit` is what the weights take in NF4 with the embeddings in 16 bits, rounded up."""

    model_id: str
    name: str
    memory_gib_4bit: float
    languages: tuple[str, ...]
    licence: str
    weak_tasks: tuple[str, ...] = ()
    """Names of tasks that it was measured to be too weak for."""
    translated_languages: tuple[str, ...] = ()
    """Known to its built-in skill for translating alone: it cannot be talked to in them."""


STARTER = CatalogEntry("starter", "SmolLM2 135M", 0.2, ("English",), "Apache-2.0", ("summarize",), ("German", "French"))
"""The bundled model."""

CATALOG: tuple[CatalogEntry, ...] = (
    CatalogEntry("HuggingFaceTB/SmolLM2-135M-Instruct", "SmolLM2 135M", 0.2, ("English",), "Apache-2.0"),
    CatalogEntry("HuggingFaceTB/SmolLM2-360M-Instruct", "SmolLM2 360M", 0.3, ("English",), "Apache-2.0"),
    CatalogEntry("Qwen/Qwen2.5-0.5B-Instruct", "Qwen2.5 0.5B", 0.5, _QWEN2, "Apache-2.0"),
    CatalogEntry("Qwen/Qwen3-0.6B", "Qwen3 0.6B", 0.6, _QWEN3, "Apache-2.0"),
    CatalogEntry("HuggingFaceTB/SmolLM2-1.7B-Instruct", "SmolLM2 1.7B", 1.1, ("English",), "Apache-2.0"),
    CatalogEntry("Qwen/Qwen2.5-1.5B-Instruct", "Qwen2.5 1.5B", 1.2, _QWEN2, "Apache-2.0"),
    CatalogEntry("Qwen/Qwen3-1.7B", "Qwen3 1.7B", 1.4, _QWEN3, "Apache-2.0"),
    CatalogEntry("HuggingFaceTB/SmolLM3-3B", "SmolLM3 3B", 2.0, _EUROPEAN, "Apache-2.0"),
    CatalogEntry("Qwen/Qwen3-4B-Instruct-2507", "Qwen3 4B", 2.7, _QWEN3, "Apache-2.0"),
    CatalogEntry("Qwen/Qwen2.5-7B-Instruct", "Qwen2.5 7B", 5.5, _QWEN2, "Apache-2.0"),
    CatalogEntry("Qwen/Qwen3-8B", "Qwen3 8B", 6.1, _QWEN3, "Apache-2.0"),
    CatalogEntry("Qwen/Qwen2.5-14B-Instruct", "Qwen2.5 14B", 9.9, _QWEN2, "Apache-2.0"),
    CatalogEntry("Qwen/Qwen3-14B", "Qwen3 14B", 10.0, _QWEN3, "Apache-2.0"),
    CatalogEntry("Qwen/Qwen2.5-32B-Instruct", "Qwen2.5 32B", 19.0, _QWEN2, "Apache-2.0"),
    CatalogEntry("Qwen/Qwen3-32B", "Qwen3 32B", 19.0, _QWEN3, "Apache-2.0"),
)
"""From small to large; of two that both fit, the later one is the better."""

_CACHED = "models--"
"""So begins the folder of a model in the cache of huggingface_hub: models--OWNER--NAME."""
FREE_SHARE = 0.4
"""Share of the GPU's memory left for caches, adapters and a training run beside the weights."""


def fitting_models(gpu_memory_gib: float, catalog: Sequence[CatalogEntry] = CATALOG) -> list[CatalogEntry]:
    """List the models whose 4-bit weights leave `FREE_SHARE` of the memory free, best first."""
    room = gpu_memory_gib * (1 - FREE_SHARE)
    return [model for model in reversed(catalog) if model.memory_gib_4bit <= room]


def best_fitting(gpu_memory_gib: float, catalog: Sequence[CatalogEntry] = CATALOG) -> CatalogEntry:
    """Choose the best model for a GPU of this size; the starter where none fits."""
    return next(iter(fitting_models(gpu_memory_gib, catalog)), STARTER)


def find_model(model_id: str) -> CatalogEntry | None:
    """Look a hub id up, whatever its capitals."""
    return next((model for model in CATALOG if model.model_id.lower() == model_id.lower()), None)


def hub_id(name: str) -> str:
    """What the hub knows a model by that people see as `name`; the name itself where the catalog does not say."""
    return next((model.model_id for model in CATALOG if model.name == name), name)


def name_of(model: str) -> str:
    """What people see a model as, by the folder or the hub id that it was loaded from."""
    if model == STARTER.model_id or Path(model) == STARTER_FOLDER:
        return STARTER.name
    cached = next((part for part in Path(model).parts if part.startswith(_CACHED)), "")
    model_id = cached.removeprefix(_CACHED).replace("--", "/") or model
    known = find_model(model_id)
    return known.name if known else Path(model_id).name if Path(model_id).is_absolute() else model_id
