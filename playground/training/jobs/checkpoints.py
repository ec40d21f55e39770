"""Checkpoints that are whole or not there at all.

Files are written into a temporary folder with a `manifest.json` that lists each with its SHA-256, forced to the disk,
and then the folder is renamed to `step-N`. Whoever reads takes only folders whose manifest is there and right, so a run
that is killed while it saves goes on from the checkpoint before.
"""

import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from playground.files import publish_folder, tmp_path, write_text

CHECKPOINTS_FOLDER = "checkpoints"
LEARNT_FOLDER = "learnt"
"""Holds the adapter of every checkpoint for good, without what a resume needs; read with `whole_checkpoints`."""
TMP_FOLDER = "unfinished"
MANIFEST = "manifest.json"
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
_NAME = re.compile(r"step-(\d+)")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A whole checkpoint; `eval_loss` is the held-out loss at `step`, `seconds` the training time up to it."""

    folder: Path
    step: int
    eval_loss: float | None
    seconds: float


def publish(tmp: Path, root: Path, step: int, eval_loss: float | None, seconds: float) -> Checkpoint:
    """Turn the folder `tmp` into the whole checkpoint `root/step-N`, in the place of one of the same step."""
    root.mkdir(parents=True, exist_ok=True)
    hashes = {path.relative_to(tmp).as_posix(): _sha256(path) for path in _files(tmp)}
    manifest = {"step": step, "eval_loss": eval_loss, "seconds": seconds, "files": hashes}
    write_text(tmp / MANIFEST, json.dumps(manifest))
    folder = root / f"step-{step}"
    publish_folder(tmp, folder)
    return Checkpoint(folder, step, eval_loss, seconds)


def keep_adapter(checkpoint: Checkpoint, root: Path) -> Checkpoint:
    """Keep a checkpoint's adapter as `root/step-N`, whole like the checkpoint itself."""
    tmp = _copied(checkpoint, tmp_path(root))
    return publish(tmp, root, checkpoint.step, checkpoint.eval_loss, checkpoint.seconds)


def whole_checkpoints(root: Path) -> list[Checkpoint]:
    """The checkpoints in `root` whose every file is as its manifest says, oldest first."""
    return _found(root, hashed=True)


def best_checkpoint(checkpoints: list[Checkpoint]) -> Checkpoint:
    """The one with the lowest held-out loss, or the last where none was measured."""
    measured = [(item.eval_loss, item.step, item) for item in checkpoints if item.eval_loss is not None]
    return min(measured)[2] if measured else checkpoints[-1]


def prune(root: Path, keep_newest: int = 2) -> None:
    """Delete all but the newest checkpoints and the best one, and what was not published.

    Their files are not read again: those of a large model take longer than many steps, and a resume looks anyway.
    """
    checkpoints = _found(root, hashed=False)
    if not checkpoints:
        return
    kept = {item.folder for item in (*checkpoints[-keep_newest:], best_checkpoint(checkpoints))}
    for folder in root.iterdir():
        if folder not in kept:
            (folder / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(folder)


def copy_adapter(checkpoint: Checkpoint, target: Path) -> None:
    """Make `target` a PEFT adapter folder from a checkpoint; it appears whole, in place of an earlier one."""
    publish_folder(_copied(checkpoint, tmp_path(target)), target)


def _copied(checkpoint: Checkpoint, tmp: Path) -> Path:
    shutil.rmtree(tmp, ignore_errors=True)
    tmp.mkdir(parents=True)
    for name in ADAPTER_FILES:
        shutil.copyfile(checkpoint.folder / name, tmp / name)
    return tmp


def _found(root: Path, hashed: bool) -> list[Checkpoint]:
    folders = [folder for folder in root.iterdir() if _NAME.fullmatch(folder.name)] if root.is_dir() else []
    found = [_published(folder, hashed) for folder in folders]
    return sorted((item for item in found if item), key=lambda item: item.step)


def _published(folder: Path, hashed: bool) -> Checkpoint | None:
    """What the manifest says, if it is there, and if every file is as it says where they are to be `hashed`."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if hashed and any(_sha256(folder / name) != digest for name, digest in manifest["files"].items()):
            return None
        return Checkpoint(folder, manifest["step"], manifest["eval_loss"], manifest["seconds"])
    except (OSError, ValueError, KeyError):
        return None


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
