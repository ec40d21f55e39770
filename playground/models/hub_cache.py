"""Models of the hub that are on this machine: whole ones are found, and all can be removed."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from huggingface_hub import constants, scan_cache_dir
from huggingface_hub.errors import CacheNotFound
from huggingface_hub.utils import validate_repo_id

from playground.errors import ModelError
from playground.models.catalog import CACHED
from playground.models.hub import CONFIG_FILE
from playground.models.hub_errors import hub_errors_told

INDEX_FILE, ONE_FILE = "model.safetensors.index.json", "model.safetensors"
MAIN = "main"
INCOMPLETE = ".incomplete"
"""So ends the name of a blob that is not whole."""
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")


def cache_folder() -> Path:
    """Where the client keeps what it fetched."""
    return Path(constants.HF_HUB_CACHE).expanduser()


def folder_name(model_id: str) -> str:
    """The name of a model's folder in the cache; raises `ModelError` for what can be no model's id."""
    with hub_errors_told(model_id):
        validate_repo_id(model_id)
    return CACHED + model_id.replace("/", "--")


def blobs_folder(model_id: str) -> Path:
    return cache_folder() / folder_name(model_id) / "blobs"


def present(model_id: str) -> Path | None:
    """The folder of a model that is whole on this machine."""
    try:
        home = cache_folder() / folder_name(model_id)
        folder = home / "snapshots" / (home / "refs" / MAIN).read_text(encoding="utf-8").strip()
    except (ModelError, OSError, ValueError):
        return None
    if not (folder / CONFIG_FILE).is_file() or not any((folder / name).is_file() for name in _TOKENIZERS):
        return None
    try:
        return folder if all((folder / name).is_file() for name in weight_files(folder)) else None
    except ValueError:
        return None


def weight_files(folder: Path) -> list[str]:
    """Name the files that hold a model's weights; raises `ValueError` for an index that is none."""
    if (folder / ONE_FILE).is_file() or not (folder / INDEX_FILE).is_file():
        return [ONE_FILE]
    return sorted(set(weight_map(folder).values()))


def weight_map(folder: Path) -> dict[str, str]:
    """Read in which file each weight is; raises `ValueError`."""
    try:
        places = json.loads((folder / INDEX_FILE).read_text(encoding="utf-8"))["weight_map"]
        named = {str(weight): str(file) for weight, file in places.items()}
    except (OSError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("the index of the weights cannot be read") from error
    if not named or any(Path(file).name != file for file in named.values()):
        raise ValueError("the index of the weights names no files beside it")
    return named


def downloaded() -> list[tuple[str, int]]:
    """Ids and bytes of the models that are whole on this machine, by id."""
    try:
        repos = scan_cache_dir(cache_folder()).repos
    except CacheNotFound:
        return []
    models = [(repo.repo_id, repo.size_on_disk) for repo in repos if repo.repo_type == "model"]
    return sorted((model_id, size) for model_id, size in models if present(model_id) is not None)


def forget(model_id: str) -> None:
    """Remove all files of a model, also those of a download that broke off; raises `ModelError`."""
    home = cache_folder() / folder_name(model_id)
    if not home.is_dir():
        raise ModelError("The model {model} is not on this machine, so there is nothing to remove.", model=model_id)
    with held_alone(model_id):
        scanned = scan_cache_dir(cache_folder())
        commits = [
            revision.commit_hash for repo in scanned.repos if repo.repo_path == home for revision in repo.revisions
        ]
        if commits:
            scanned.delete_revisions(*commits).execute()
        if home.exists():  # nothing of it was whole, or it has files that the client does not count
            shutil.rmtree(home, ignore_errors=True)
    if home.exists():
        raise ModelError("The files of {model} in {folder} could not be removed.", model=model_id, folder=home)


@contextmanager
def held_alone(model_id: str) -> Iterator[None]:
    """Keep others from fetching or removing this model; raises `ModelError` while one does.

    The system lets go of it when the process ends, however that happens.
    """
    locks = cache_folder() / ".locks" / folder_name(model_id)
    locks.mkdir(parents=True, exist_ok=True)
    lock = FileLock(locks / "playground.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ModelError(
            "The model {model} is being fetched just now. Wait for that, or stop it.", model=model_id
        ) from None
    try:
        yield
    finally:
        lock.release()
