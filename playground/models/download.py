"""Get a model of the hub whole onto this machine: `python -m playground.models.download MODEL_ID FOLDER [PATIENCE_S]`.

A process of its own, so that it can be ended at any moment: the next one goes on with what this one has fetched. It
tells how far it is by lines of JSON in a file in FOLDER.
"""

import argparse
import errno
import hashlib
import json
import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from huggingface_hub import HfApi, hf_hub_url

from playground.errors import ModelError, PlaygroundError
from playground.files import KEPT_FREE_BYTES
from playground.models.fetching import fetch, size_of
from playground.models.hub import CONFIG_FILE, HubFacts, HubFile, facts
from playground.models.hub_cache import (
    INCOMPLETE,
    INDEX_FILE,
    MAIN,
    blobs_folder,
    cache_folder,
    held_alone,
    weight_files,
    weight_map,
)
from playground.models.hub_errors import TIMEOUT_S, endpoint, hub_errors_told
from playground.process import LOG_FILE, become_worker
from playground.safetensors_header import read_header
from playground.sentence import Sentence

log = logging.getLogger(__name__)

PROGRESS_FILE = "progress.jsonl"
PATIENCE_S = 60.0
"""How long the network may be gone."""
_TELL_EVERY_S = 0.2
_MAX_HEADER_BYTES = 100 * 10**6
_TRIES = 3
"""So often a model is looked at anew, if its publisher changes it while it is fetched."""


class Progress:
    """What is told in the file, at most five times a second."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._total = 0
        self._told = -_TELL_EVERY_S
        path.write_bytes(b"")

    def begin(self, done: int, total: int) -> None:
        self._total = total
        self._write({"done_bytes": done, "total_bytes": total})

    def tell(self, done: int) -> None:
        now = time.monotonic()
        if now - self._told >= _TELL_EVERY_S or done >= self._total:
            self._told = now
            self._write({"done_bytes": done, "total_bytes": self._total})

    def finish(self, folder: Path) -> None:
        self._write({"done": True, "folder": str(folder)})

    def fail(self, sentence: Sentence) -> None:
        self._write({"error": sentence.to_plain()})

    def _write(self, line: object) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def download(model_id: str, progress: Progress, patience_s: float = PATIENCE_S) -> Path:
    """Fetch what is missing, check all of it, and return the model's folder; raises `ModelError`."""
    with held_alone(model_id), hub_errors_told(model_id):
        for _ in range(_TRIES):
            found = facts(model_id)
            blobs = blobs_folder(model_id)
            blobs.mkdir(parents=True, exist_ok=True)
            files = list({file.blob: file for file in found.files}.values())
            _fetch_all(model_id, found.commit, files, progress, patience_s)
            for file in files:
                _check_content(model_id, blobs, file)
            folder = _lay_out(model_id, found)
            if folder is not None:
                return folder
    raise ModelError("The model {model} was changed on the hub while it was fetched. Get it again.", model=model_id)


def check_weights(folder: Path, model_id: str) -> None:
    """Look whether every weight that the model's files name is whole in them; raises `ModelError`."""
    try:
        places = weight_map(folder) if (folder / INDEX_FILE).is_file() else {}
        for name in weight_files(folder):
            header = read_header(folder / name, _MAX_HEADER_BYTES)
            if max((info.end for info in header.values()), default=0) != (folder / name).stat().st_size:
                raise ValueError(f"{name} has another size than its header says")
            missing = {weight for weight, file in places.items() if file == name} - header.keys()
            if missing:
                raise ValueError(f"{name} has no {min(missing)}")
    except (OSError, ValueError) as error:
        log.warning("weights of %s: %s", model_id, error)
        raise ModelError(
            "The weights of {model} are damaged on the hub itself. Choose another model.", model=model_id
        ) from error


def _fetch_all(model_id: str, commit: str, files: list[HubFile], progress: Progress, patience_s: float) -> None:
    blobs = blobs_folder(model_id)
    total = sum(file.size for file in files)
    held = {file.blob: _held(blobs, file) for file in files}
    _check_disk(model_id, total - sum(held.values()))
    progress.begin(sum(held.values()), total)

    def heard(blob: str) -> Callable[[int], None]:
        def hear(size: int) -> None:
            held[blob] = size
            progress.tell(sum(held.values()))

        return hear

    for file in files:
        if not (blobs / file.blob).exists():
            url = hf_hub_url(model_id, file.name, revision=commit, endpoint=endpoint())
            fetch(url, _incomplete(blobs, file), file.size, heard(file.blob), patience_s)
    progress.tell(total)


def _held(blobs: Path, file: HubFile) -> int:
    """How many of its bytes need not be fetched."""
    if (blobs / file.blob).exists():
        return file.size
    have = size_of(_incomplete(blobs, file))
    return have if have <= file.size else 0


def _incomplete(blobs: Path, file: HubFile) -> Path:
    return blobs / (file.blob + INCOMPLETE)


def _check_disk(model_id: str, missing: int) -> None:
    free = max(0, shutil.disk_usage(cache_folder()).free - KEPT_FREE_BYTES)
    if missing > free:
        raise ModelError(
            "The disk has no room for {model}: {missing} GB are still to be fetched, and {free} GB are free beside "
            "what must stay free. Remove a model or other files in {folder}, or choose a smaller one.",
            model=model_id,
            missing=f"{missing / 10**9:.1f}",
            free=f"{free / 10**9:.1f}",
            folder=cache_folder(),
        )


def _check_content(model_id: str, blobs: Path, file: HubFile) -> None:
    """Give the file its name if it has the content that its name stands for; otherwise remove it."""
    path = blobs / file.blob
    held = path if path.exists() else _incomplete(blobs, file)
    if _content_hash(held, file) == file.blob:
        held.rename(path)
        return
    held.resolve().unlink()  # the client may keep a blob elsewhere, and a link to it here
    held.unlink(missing_ok=True)
    raise ModelError(
        "The file {file} of {model} came with another content than the hub promised, so it was removed. Get the model "
        "again; if that happens again, something between this machine and the hub changes files.",
        file=file.name,
        model=model_id,
    )


def _content_hash(path: Path, file: HubFile) -> str:
    with path.open("rb") as content:
        if file.lfs:
            return hashlib.file_digest(content, "sha256").hexdigest()
        # git's own name for a content; nothing is kept safe by it
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        digest.update(content.read())
        return digest.hexdigest()


def _lay_out(model_id: str, found: HubFacts) -> Path | None:
    """Have the client link all files into a snapshot, name it the newest, and return it; None if it is not any more.

    Named last: until then, the one that was there before is the model.
    """
    api = HfApi(endpoint=endpoint())
    folder = None
    for file in found.files:
        link = api.hf_hub_download(model_id, file.name, revision=found.commit, etag_timeout=TIMEOUT_S)
        folder = Path(link).parent
    if folder is None:
        return None
    check_weights(folder, model_id)
    newest = api.hf_hub_download(model_id, CONFIG_FILE, revision=MAIN, etag_timeout=TIMEOUT_S)
    return folder if Path(newest).parent == folder else None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m playground.models.download", description=__doc__)
    parser.add_argument("model_id")
    parser.add_argument("folder", type=Path)
    parser.add_argument("patience_s", type=float, nargs="?", default=PATIENCE_S)
    asked = parser.parse_args()
    become_worker(asked.folder / LOG_FILE, offline=False)
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it would log addresses that open files without a token
    progress = Progress(asked.folder / PROGRESS_FILE)
    try:
        progress.finish(download(asked.model_id, progress, asked.patience_s))
    except PlaygroundError as error:
        log.info("%s", error)
        progress.fail(error.sentence)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        progress.fail(
            Sentence("The disk became full while the model was fetched. Make room, and get it again to go on.")
        )


if __name__ == "__main__":
    main()
