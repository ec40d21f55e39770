"""What visitors keep, as one file: `python -m playground.data_dir backup FILE`, `… restore FILE`.

The data folder is the one in PLAYGROUND_DATA_DIR. A backup can be made while the app runs; restoring takes an empty
folder and no app. Beside what belongs to owners it holds what signs their keys and which model was chosen. What can be
made again stays out: uploads, downloads, quantized and converted models, measured kernels.
"""

import argparse
import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from playground.data_dir import IMPORTING, LEAVING, MANIFEST, SPEC_FILE, WRITING, DataDir, is_owner
from playground.errors import PlaygroundError, SettingsError, first_line
from playground.files import open_atomic
from playground.settings import read_settings

_KINDS = {"adapters": MANIFEST, "jobs": SPEC_FILE}
"""The folders of an owner that hold folders, and the file that makes one of these whole."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m playground.data_dir", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("backup", "restore"))
    parser.add_argument("file", type=Path, help="a .tar.gz")
    options = parser.parse_args()
    try:
        data = DataDir(read_settings().data_dir)
        count = (backup if options.what == "backup" else restore)(data, options.file)
    except PlaygroundError as error:
        print(error, file=sys.stderr)
        return 2
    said = "Written to {file}: {count}." if options.what == "backup" else "Put back into {folder}: {count}."
    things = "1 adapter or training run" if count == 1 else f"{count} adapters and training runs"
    print(said.format(file=options.file, folder=data.root, count=things))
    return 0


def backup(data: DataDir, target: Path) -> int:
    """Write all that is whole into a tar file; returns how many adapters and training runs that were.

    What comes or goes meanwhile is in it as a whole or not at all. Raises `SettingsError` where it cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=IMPORTING, dir=data.root) as staged:
            found = sum(_stage(path, Path(staged) / path.relative_to(data.root)) for path in _kept(data))
            with (
                open_atomic(target, mode=0o600) as file,
                tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as tar,
            ):
                tar.add(staged, arcname=".")
    except OSError as error:
        raise SettingsError(
            "The backup cannot be written to {path} ({reason}).", path=target, reason=error.strerror or str(error)
        ) from error
    return found


def restore(data: DataDir, source: Path) -> int:
    """Put back what `backup` wrote; returns how many adapters and training runs that were.

    Raises `SettingsError` for a file that is no backup, and for a data folder that an app uses or that holds
    something of somebody already: nothing is changed then.
    """
    with data.lock():
        if any(_kept(data)):
            raise SettingsError(
                "There is something in {folder} already. Restore into an empty folder, named by PLAYGROUND_DATA_DIR.",
                folder=data.root,
            )
        with tempfile.TemporaryDirectory(prefix=IMPORTING, dir=data.root) as staged:
            try:
                with tarfile.open(source, mode="r:gz") as tar:
                    tar.extractall(staged, filter="data")
            except (OSError, tarfile.TarError, EOFError) as error:
                raise SettingsError(
                    "{path} is no backup that can be read ({reason}).", path=source, reason=first_line(error)
                ) from error
            inside = DataDir(Path(staged))
            paths = list(_kept(inside))
            if not inside.signing_key.is_file():
                raise SettingsError("{path} is no backup of a playground.", path=source)
            found = sum(path.is_dir() for path in paths)
            for path in paths:
                home = data.root / path.relative_to(staged)
                home.parent.mkdir(parents=True, exist_ok=True)
                path.rename(home)
    return found


def _kept(data: DataDir) -> Iterator[Path]:
    """The files and whole folders that a backup holds."""
    yield from (path for path in (data.signing_key, data.chosen_model) if path.is_file())
    for home in data.root.iterdir():
        if not is_owner(home.name):
            continue
        yield from (path for path in (data.corrections(home.name),) if path.is_file())
        for kind, whole in _KINDS.items():
            for folder in (home / kind).glob("*"):
                if not folder.name.startswith((WRITING, LEAVING)) and (folder / whole).is_file():
                    yield folder


def _stage(path: Path, target: Path) -> bool:
    """Have it under another name, at the cost of a name; returns whether it is a folder that was there till the end."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_dir():
        with suppress(FileNotFoundError):
            shutil.copyfile(path, target)
        return False
    whole = path / _KINDS[path.parent.name]
    try:
        shutil.copytree(path, target, copy_function=_link)
    except (FileNotFoundError, shutil.Error):
        if whole.is_file():
            raise
    if not whole.is_file():  # on its way out
        shutil.rmtree(target, ignore_errors=True)
        return False
    return True


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # a system of files without such links
        shutil.copyfile(source, target)


if __name__ == "__main__":
    sys.exit(main())
