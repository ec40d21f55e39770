"""Where everything is kept: one folder, one app at a time on it, and in it a folder for each owner.

`ROOT/<owner>/{adapters,jobs,corrections.json,work.json}`, `uploads/<owner>` and `uploads/downloads/<owner>`; beside
them what belongs to nobody. Adapters lay under a hash of the owner once: `move_old_layout` and `adopt` bring them home.
"""

import hashlib
import logging
import re
import runpy
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from playground.errors import SettingsError

LOCK_FILE = "app.lock"
MANIFEST, SPEC_FILE = "manifest.json", "spec.json"
"""An adapter's folder and a run's are whole while these are in them: written last, removed first."""
IMPORTING, WRITING, LEAVING = ".importing-", ".writing-", ".leaving-"
"""So begin the names of folders that are not there yet, or not any more."""
OPERATOR = "local"
"""The owner of everything on one's own machine."""
_ADAPTERS, _JOBS, _CORRECTIONS, _WORK = "adapters", "jobs", "corrections.json", "work.json"
_ID = re.compile(rf"{OPERATOR}|[0-9a-f]{{32}}")

log = logging.getLogger(__name__)


class DataDir:
    """Paths below `root`, and what keeps them in order. `uploads` may be elsewhere, where Gradio was told to."""

    def __init__(self, root: Path, uploads: Path | None = None) -> None:
        self.root = root
        self.uploads = uploads or root / "uploads"
        self.downloads = self.uploads / "downloads"
        """For visitors to fetch: it lies below the uploads, since Gradio copies what it hands out from elsewhere."""
        self.trials = root / "trials"
        self.signing_key = root / "signing.key"
        self.quantized = root / "quantized"
        """Weights of base models as they were quantized here."""
        self.converted = root / "converted"
        """Models that were made of GGUF files."""
        self.base_answers = root / "base_answers"
        """What the base model says to the built-in tasks' items, the same for all owners."""
        self.kernel_cache = root / "kernels.json"
        """How this machine multiplies a model's layers fastest."""
        self.chosen_model = root / "model.json"
        """The model that was chosen on the page, for the next start."""

    def owner(self, owner: str) -> Path:
        """An owner's folder. Owners are named by safe ids; anything else by its hash, so that none names a path."""
        return self.root / _folder_name(owner)

    def adapters(self, owner: str) -> Path:
        return self.owner(owner) / _ADAPTERS

    def jobs(self, owner: str) -> Path:
        return self.owner(owner) / _JOBS

    def corrections(self, owner: str) -> Path:
        """The file."""
        return self.owner(owner) / _CORRECTIONS

    def draft(self, owner: str) -> Path:
        """The file that tells what an owner prepares to teach."""
        return self.owner(owner) / "draft.json"

    def typed(self, owner: str) -> Path:
        """The file with the table that an owner is writing on the page."""
        return self.owner(owner) / "typed.json"

    def work(self, owner: str) -> Path:
        """The file that says what an owner has begun."""
        return self.owner(owner) / _WORK

    def sent(self, owner: str) -> Path:
        """What an owner has uploaded."""
        return self.uploads / _folder_name(owner)

    def to_fetch(self, owner: str) -> Path:
        """What was made for an owner to take away."""
        return self.downloads / _folder_name(owner)

    def homes(self, owner: str) -> list[Path]:
        """Every folder in which something of an owner lies."""
        named = (self.owner(owner), self.root / _hashed(owner), self.sent(owner), self.to_fetch(owner))
        return [home for home in dict.fromkeys(named) if home.is_dir()]

    def remove_homes(self, owner: str) -> None:
        """Remove all that lies there of an owner, whatever it is; what comes meanwhile begins anew."""
        for home in self.homes(owner):
            leaving = home.with_name(LEAVING + secrets.token_hex(8))
            home.rename(leaving)
            shutil.rmtree(leaving)

    def move_rest(self, owner: str, to: str, staying: Collection[str] = ()) -> None:
        """Give another owner what lies in an owner's folders, by renames, so that nothing is ever gone.

        What has its like there already stays where it is, and so do folders whose names are in `staying`.
        """
        for home in (self.adapters(owner), self.jobs(owner)):  # not as a whole: some of what is in them may stay
            if home.is_dir():
                (self.owner(to) / home.name).mkdir(parents=True, exist_ok=True)
        for find in (self.owner, self.sent, self.to_fetch):
            _merge(find(owner), find(to), staying)

    def own_file(self, owner: str, path: str | Path) -> Path | None:
        """The file at an absolute `path`, if the owner sent it or it was made for them to fetch; else None."""
        try:
            found = Path(path).resolve(strict=True)
            homes = [home.resolve() for home in (self.sent(owner), self.to_fetch(owner))]
        except (OSError, ValueError, RuntimeError):
            return None
        ours = Path(path).is_absolute() and any(found.is_relative_to(home) for home in homes)
        return found if ours and found.is_file() else None

    def all_adapters(self) -> Iterator[Path]:
        """Every owner's folder of adapters, also of those who were not adopted yet."""
        return self._all(_ADAPTERS)

    def all_jobs(self) -> Iterator[Path]:
        """Every owner's folder of training runs."""
        return self._all(_JOBS)

    def _all(self, name: str) -> Iterator[Path]:
        return (path for path in self.root.glob(f"*/{name}") if _ID.fullmatch(path.parent.name))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other apps out, which would take this one's runs for left over.

        The system lets go of it when the process ends, however that happens. Raises `SettingsError` while another
        process holds it.
        """
        lock = FileLock(self.root / LOCK_FILE)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise SettingsError(
                "Another playground is using {folder} already. Close it, or set PLAYGROUND_DATA_DIR to another folder.",
                folder=self.root,
            ) from None
        try:
            yield
        finally:
            lock.release()

    def sweep(self) -> None:
        """Remove what an app that was killed had not finished, and what its visitors did not fetch. Needs the lock."""
        leaving = (*self.root.glob(f"{LEAVING}*"), *self.uploads.glob(f"{LEAVING}*"))
        for folder in (self.trials, self.downloads, *self.root.glob(f"{IMPORTING}*"), *leaving):
            shutil.rmtree(folder, ignore_errors=True)
        self.downloads.mkdir(parents=True)
        for kind, homes in ((MANIFEST, self.all_adapters()), (SPEC_FILE, self.all_jobs())):
            for folder in [folder for home in homes for folder in home.iterdir() if folder.is_dir()]:
                if folder.name.startswith((WRITING, LEAVING)) or not (folder / kind).exists():
                    log.warning("Removing %s, which was not finished", folder)
                    shutil.rmtree(folder)

    def move_old_layout(self) -> None:
        """Adopt every owner that the disk tells of. Needs the lock."""
        known = {path.parent.name for name in (_JOBS, _CORRECTIONS) for path in self._all(name)}
        for owner in {OPERATOR, *known}:
            self.adopt(owner)

    def adopt(self, owner: str) -> None:
        """Bring an owner's adapters home from where they lay once: by single renames, so that none is ever gone.

        What is at home already stays as it is. Only the owner's own name tells which hash is theirs.
        """
        old, home = self.root / _hashed(owner) / _ADAPTERS, self.adapters(owner)
        if old == home or not old.is_dir():
            return
        home.mkdir(parents=True, exist_ok=True)
        for folder in list(old.iterdir()):
            if (home / folder.name).exists():
                log.warning("Leaving %s where it is, as %s is there already", folder, home / folder.name)
            else:
                folder.rename(home / folder.name)
        with suppress(OSError):  # not empty
            old.rmdir()
            old.parent.rmdir()


def _merge(home: Path, target: Path, staying: Collection[str]) -> None:
    if not home.is_dir():
        return
    target.mkdir(parents=True, exist_ok=True)
    for entry in list(home.iterdir()):
        if entry.name in staying or entry.name.startswith((WRITING, LEAVING)):
            continue
        there = target / entry.name
        if not there.exists():
            entry.rename(there)
        elif entry.is_dir() and there.is_dir():
            _merge(entry, there, staying)
        else:
            log.warning("Leaving %s where it is, as %s is there already", entry, there)
    with suppress(OSError):  # not empty
        home.rmdir()


def is_owner(name: str) -> bool:
    """Whether a folder of this name is an owner's."""
    return bool(_ID.fullmatch(name))


def _folder_name(owner: str) -> str:
    return owner if is_owner(owner) else _hashed(owner)


def _hashed(owner: str) -> str:
    if not owner:
        raise ValueError("an owner must not be empty")
    return hashlib.sha256(owner.encode("utf-8", "surrogatepass")).hexdigest()[:32]


if __name__ == "__main__":
    runpy.run_module("playground.backup", run_name="__main__")  # stands above this module, which it reads
