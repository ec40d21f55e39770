"""Where Gradio puts uploads: what lies there, and what nobody can need any more."""

import shutil
from collections.abc import Iterator
from os import stat_result
from pathlib import Path

from playground.data_dir import DataDir

ZIP_KEPT_S, KEPT_S = 3600.0, 24 * 3600.0
"""An adapter is imported as soon as it is there; examples wait until somebody has made up their mind to teach them."""


def sweep(data: DataDir, now: float) -> int:
    """Remove old uploads, and what is left of broken ones; returns the bytes of the others.

    Gradio removes only what it remembers to have taken in whole. They lie around the downloads, which are not touched.
    Only in a folder below the data folder is everything ours: elsewhere nothing is removed.
    """
    folder = data.uploads
    ours = data.root.resolve() in folder.resolve().parents
    kept = 0
    for place in folder.glob("*"):
        if place == data.downloads:
            continue
        facts = dict(_facts(place))
        zips = all(path.suffix.lower() == ".zip" for path in facts if path != place)
        newest = max((fact.st_mtime for fact in facts.values()), default=now)
        if not ours or now - newest < (ZIP_KEPT_S if zips else KEPT_S):
            kept += sum(fact.st_blocks * 512 for fact in facts.values())
        elif place.is_dir():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)
    return kept


def _facts(place: Path) -> Iterator[tuple[Path, stat_result]]:
    """A file, or a folder and the files in it; what disappears meanwhile is left out."""
    for path in [place, *place.rglob("*")]:
        try:
            yield path, path.lstat()
        except FileNotFoundError:
            continue
