"""From what a setting names to the files of a model: the bundled one, a folder, or a model of the Hugging Face hub."""

import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError
from tqdm import tqdm

from playground.errors import ModelError
from playground.memory import free_bytes
from playground.models import fit, hub_cache
from playground.models.catalog import (
    CATALOG,
    COMMON_LANGUAGES,
    STARTER,
    STARTER_FOLDER,
    CatalogEntry,
    find_model,
    fitting_models,
    hub_id,
    name_inside,
)
from playground.models.hub import UNWANTED_FILES, WANTED_FILES
from playground.models.quantization import plain_dtype

log = logging.getLogger(__name__)

_GIB = 2**30


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """The files of a model on this machine, and what is known of it. `id` is what resolves to it again."""

    id: str
    folder: Path
    name: str
    languages: tuple[str, ...]
    weak_tasks: tuple[str, ...] = ()
    hub_id: str = ""
    license: str = ""
    chat_languages: tuple[str, ...] = ()
    good_for: str = ""


def resolve_model(setting: str) -> ResolvedModel:
    """Find the files that a setting means, downloading a hub model where it is not there yet.

    `auto` never downloads: it takes the best model of the catalog that fits the GPU, or is quick enough on this CPU,
    *and* is on this machine already, otherwise the starter, so that starting never waits. Raises `ModelError`.
    """
    if setting == "auto":
        return _best_present() or _starter()
    if setting == "starter":
        return _starter()
    folder = Path(setting).expanduser()
    if folder.is_dir() and folder.resolve() == STARTER_FOLDER:
        return _starter()
    if folder.is_dir():
        return ResolvedModel(str(folder.resolve()), folder.resolve(), name_inside(folder.resolve()), COMMON_LANGUAGES)
    if folder.is_absolute() or setting.startswith((".", "~")) or setting.count("/") != 1:
        raise ModelError(
            "There is no model '{setting}'. Name a folder that exists, a Hugging Face model id such as "
            "Qwen/Qwen2.5-0.5B-Instruct, starter or auto.",
            setting=setting,
        )
    return _from_hub(setting, local_only=False)


def _starter() -> ResolvedModel:
    if not (STARTER_FOLDER / "config.json").is_file():
        raise ModelError(
            "The bundled model is missing from {folder}. Get the project's files again, or set PLAYGROUND_MODEL.",
            folder=STARTER_FOLDER,
        )
    return _described(STARTER, STARTER_FOLDER)


def _described(known: CatalogEntry, folder: Path) -> ResolvedModel:
    return ResolvedModel(
        known.model_id,
        folder,
        known.name,
        known.languages + known.translated_languages,
        known.weak_tasks,
        hub_id(known.name),
        known.licence,
        known.languages,
        known.good_for,
    )


def _best_present() -> ResolvedModel | None:
    here = {entry.model_id: folder for entry in CATALOG if (folder := hub_cache.present(entry.model_id))}
    if not here:
        return None
    if torch.cuda.is_available():
        fitting = fitting_models(torch.cuda.mem_get_info()[0] / _GIB)
    else:
        fitting = [entry for entry in fitting_models(free_bytes() / _GIB) if _is_quick(entry)]
    best = next((entry for entry in fitting if entry.model_id in here), None)
    return _described(best, here[best.model_id]) if best else None


def _is_quick(entry: CatalogEntry) -> bool:
    """Whether a model writes here as fast as one reads aloud, in the precision that this CPU computes in."""
    if entry.shape is None:
        return False
    width = plain_dtype(entry.num_parameters, torch.device("cpu")).itemsize
    return fit.words_per_s(entry.shape, "4bit", width, fit.memory_speed()) >= fit.MIN_WORDS_PER_S


def _from_hub(model_id: str, *, local_only: bool) -> ResolvedModel:
    known = find_model(model_id)
    try:
        folder = hub_cache.present(model_id)  # whole, so that nobody need be asked
        if folder is None:
            log.info("fetching %s", model_id)
            folder = Path(
                snapshot_download(
                    model_id,
                    allow_patterns=[*WANTED_FILES],
                    ignore_patterns=[*UNWANTED_FILES],
                    local_files_only=local_only,
                    tqdm_class=tqdm,  # the client's own bar is off with that for reading weights
                )
            )
    except (HFValidationError, OSError, ValueError) as error:
        log.info("no files of %s: %s", model_id, error)
        raise ModelError(
            "The model {model} could not be fetched from the Hugging Face hub. Check its name and the network, or "
            "set PLAYGROUND_MODEL to starter.",
            model=model_id,
        ) from error
    if not any(folder.glob("*.safetensors")):
        raise ModelError("The model {model} has no weights in the safetensors format.", model=model_id)
    if known is None:
        return ResolvedModel(model_id, folder, model_id, COMMON_LANGUAGES, hub_id=model_id)
    return _described(known, folder)
