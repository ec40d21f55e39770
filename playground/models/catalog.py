"""Base models known to do well here, and which of them fits a GPU. What is known of them lies in catalog.toml."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.models.model_shape import ModelShape, shape_of

STARTER_FOLDER = Path(__file__).resolve().parents[2] / "assets" / "smollm2"

_FILE = Path(__file__).with_name("catalog.toml")
_GIB = 2**30
_GIB_A_PARAMETER = 0.75 / _GIB
"""In 4 bits with the embeddings in 16, for a model whose shape is not known."""


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """What is known of a model before it is there; 0, "" and None where nothing is."""

    model_id: str
    name: str
    languages: tuple[str, ...]
    licence: str
    num_parameters: int = 0
    shape: ModelShape | None = None
    download_bytes: int = 0
    gated: bool = False
    """Whether the hub gives it only to those who accepted its terms."""
    one_at_a_time: bool = False
    """Whether each request has passes of its own: nobody is given or offered such a model unasked."""
    good_for: str = ""
    """For people: what it does well, and what it does not."""
    tasks: tuple[str, ...] = ()
    """Names of tasks that it does well."""
    weak_tasks: tuple[str, ...] = ()
    """Names of tasks that it was measured to be too weak for."""
    translated_languages: tuple[str, ...] = ()
    """Known to its built-in skill for translating alone: it cannot be talked to in them."""
    source: str = ""
    """Where this is known from."""

    @property
    def memory_gib_4bit(self) -> float:
        """What the weights take in NF4 with the embeddings in 16 bits, to a hundredth."""
        if self.shape is None:
            return round(self.num_parameters * _GIB_A_PARAMETER, 2)
        return round(self.shape.weights_bytes("4bit") / _GIB, 2)


def _entry(told: Mapping[str, Any], languages: Mapping[str, Sequence[str]]) -> CatalogEntry:
    parameters = int(told.get("parameters", 0))
    return CatalogEntry(
        model_id=told["id"],
        name=told["name"],
        languages=tuple(languages[told["languages"]]),
        licence=told["license"],
        num_parameters=parameters,
        shape=shape_of(told.get("config", {}), parameters or None),
        download_bytes=told.get("download_bytes", 2 * parameters),
        gated=told.get("gated", False),
        one_at_a_time=told.get("one_at_a_time", False),
        good_for=told["good_for"],
        tasks=tuple(told["tasks"]),
        weak_tasks=tuple(told.get("weak_tasks", ())),
        translated_languages=tuple(told.get("translated_languages", ())),
        source=told["source"],
    )


_told = tomllib.loads(_FILE.read_text(encoding="utf-8"))

COMMON_LANGUAGES: tuple[str, ...] = tuple(_told["languages"]["common"])
"""Offered for a model that nobody described."""

STARTER = _entry(_told["starter"], _told["languages"])
"""The bundled model."""

CATALOG: tuple[CatalogEntry, ...] = tuple(_entry(model, _told["languages"]) for model in _told["models"])
"""From small to large by the memory that they take; of two alike, the later one is the better."""

CACHED = "models--"
"""So begins the folder of a model in the cache of huggingface_hub: models--OWNER--NAME."""
_TELLING_CHARS = 4
_MOST_NAME_CHARS = 60
_CARD_CHARS = 20_000
_GENERIC = frozenset(
    ("model", "models", "snapshot", "main", "weights", "checkpoint", "merged", "final", "output", "base")
)
_HASH = re.compile("[0-9a-f]{32,}")
_PLACES = ("/", "~", ".")
"""So begin places on a disk, which no hub id does."""
FREE_SHARE = 0.4
"""Share of the GPU's memory left for caches, adapters and a training run beside the weights."""


def fitting_models(gpu_memory_gib: float, catalog: Sequence[CatalogEntry] = CATALOG) -> list[CatalogEntry]:
    """List the models whose 4-bit weights leave `FREE_SHARE` of the memory free, best first, all sharing their passes.

    The more parameters the better, not the more memory: a large vocabulary takes much of it and teaches nothing.
    """
    room = gpu_memory_gib * (1 - FREE_SHARE)
    fitting = (model for model in reversed(catalog) if model.memory_gib_4bit <= room and not model.one_at_a_time)
    return sorted(fitting, key=lambda model: float(f"{model.num_parameters:.3g}"), reverse=True)


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
    cached = next((part for part in Path(model).parts if part.startswith(CACHED)), "")
    model_id = cached.removeprefix(CACHED).replace("--", "/") or model
    known = find_model(model_id)
    return known.name if known else name_of_folder(Path(model_id)) if Path(model_id).is_absolute() else model_id


def name_told(told: str) -> str:
    """What people see a model as that an adapter's configuration names: a hub id, or a folder on anybody's disk."""
    place = told.strip().replace("\\", "/").rstrip("/")
    if CACHED in place or not (place.startswith(_PLACES) or place[1:2] == ":" or place.count("/") > 1):
        return name_of(place)
    return name_of_folder(Path(place))


def name_of_folder(folder: Path) -> str:
    """What people see the model in a folder as; a name that tells nothing, such as "hf", with that of the folder around
    it."""
    return folder.name if _is_telling(folder.name) else f"{folder.parent.name}/{folder.name}"


def name_inside(folder: Path) -> str:
    """What people see the model in a folder of this machine as: where its own name tells nothing, the one that its
    configuration or its card has."""
    if _is_telling(folder.name):
        return folder.name
    return _configured_name(folder) or _heading_of_card(folder) or name_of_folder(folder)


def _is_telling(name: str) -> bool:
    return len(name) >= _TELLING_CHARS and name.lower() not in _GENERIC and not _HASH.fullmatch(name)


def _configured_name(folder: Path) -> str:
    try:
        told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    named = [told.get(key) for key in ("_name_or_path", "_model_name_or_path")] if isinstance(told, dict) else []
    places = (name.replace("\\", "/").rstrip("/").rpartition("/")[2] for name in named if isinstance(name, str))
    return next((name for name in places if _is_shown(name)), "")


def _heading_of_card(folder: Path) -> str:
    try:
        with (folder / "README.md").open(encoding="utf-8") as card:
            lines = card.read(_CARD_CHARS).splitlines()
    except (OSError, ValueError):
        return ""
    headings = (line.removeprefix("# ").strip() for line in lines if line.startswith("# "))
    return next((heading for heading in headings if _is_shown(heading)), "")


def _is_shown(name: str) -> bool:
    return _is_telling(name) and len(name) <= _MOST_NAME_CHARS and name.isprintable()
