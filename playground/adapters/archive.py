"""Adapters in and out as zip files in PEFT format. What comes in is looked at before a byte is written."""

import json
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from playground.adapters.card import AdapterCard
from playground.adapters.check import PICKLE_REASON, PICKLES, README, WEIGHTS, check_folder
from playground.adapters.config import CONFIG, MAX_CONFIG_BYTES
from playground.adapters.tensors import MAX_FILE_BYTES
from playground.errors import AdapterError

MAX_ENTRIES = 200
MAX_ZIP_BYTES = MAX_FILE_BYTES + 16 * 1024**2
_LIMITS = {CONFIG: MAX_CONFIG_BYTES, WEIGHTS: MAX_FILE_BYTES, README: 256 * 1024}
_NOT_A_ZIP = "The file is not a zip, or it is damaged. Zip the adapter's folder again."


def export_zip(card: AdapterCard, to: Path) -> Path:
    """Write the adapter as a zip that PEFT reads once unpacked; `to` is a folder, or the file to write."""
    target = to / f"{_slug(card.name)}.zip" if to.is_dir() else to
    aside = target.with_name(f".{target.name}.writing")
    config = json.loads((card.folder / CONFIG).read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = card.base_model  # a name, where training may have written a path of this disk
    try:
        with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(CONFIG, json.dumps(config, indent=2, sort_keys=True))
            archive.write(card.folder / WEIGHTS, WEIGHTS, compress_type=zipfile.ZIP_STORED)
            archive.writestr(README, _readme(card))
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
    return target


def import_zip(path: Path, into: Path | None = None, base_fingerprint: str | None = None) -> Path:
    """Unpack and check a zipped PEFT folder; returns a new folder (inside `into`), which the caller removes.

    Raises `AdapterError` with the reason and leaves nothing behind.
    """
    folder = Path(tempfile.mkdtemp(prefix="adapter-", dir=into))
    try:
        _unpack(path, folder)
        check_folder(folder, base_fingerprint)
    except BaseException:
        shutil.rmtree(folder)
        raise
    return folder


def _unpack(path: Path, folder: Path) -> None:
    try:
        if path.stat().st_size > MAX_ZIP_BYTES:
            raise AdapterError("The zip is larger than {limit} MB.", limit=MAX_ZIP_BYTES // 1024**2)
        with zipfile.ZipFile(path) as archive:
            for name, entry in _wanted(archive.infolist()).items():
                _extract(archive, entry, folder / name, _LIMITS[name])
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise AdapterError(_NOT_A_ZIP) from error


def _wanted(entries: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The adapter's files by their plain names, from the one folder in the zip that has a configuration."""
    if len(entries) > MAX_ENTRIES:
        raise AdapterError("The zip holds more than {limit} files. Zip one adapter only.", limit=MAX_ENTRIES)
    files: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for entry in entries:
        place = _safe_place(entry)
        if place in files:
            raise AdapterError("The zip holds '{name}' twice.", name=str(place)[:120])
        if not entry.is_dir():
            files[place] = entry
    homes = [place.parent for place in files if place.name == CONFIG]
    if len(homes) != 1:
        raise AdapterError("The zip must hold one {name}; it holds {count}.", name=CONFIG, count=len(homes))
    found = {name: files[homes[0] / name] for name in _LIMITS if homes[0] / name in files}
    if WEIGHTS not in found:
        for pickle in PICKLES:
            if homes[0] / pickle in files:
                raise AdapterError(PICKLE_REASON, name=pickle)
    return found


def _safe_place(entry: zipfile.ZipInfo) -> PurePosixPath:
    name, place = entry.orig_filename, PurePosixPath(entry.filename)
    odd = "\\" in name or ":" in name or "\0" in name or ".." in place.parts or place.is_absolute()
    mode = entry.external_attr >> 16
    if odd or (stat.S_IFMT(mode) and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))) or len(place.parts) > 8:
        raise AdapterError(
            "The zip holds '{name}', a link or a path that leads out of it.",
            name=name[:120].encode("utf-8", "replace").decode(),
        )
    if entry.flag_bits & 1:
        raise AdapterError("The zip has a password. Zip the adapter without one.")
    return place


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, limit: int) -> None:
    """Count what really comes out: the size that a zip declares may be a lie."""
    written = 0
    with archive.open(entry) as read, target.open("xb") as write:
        while chunk := read.read(1024**2):
            written += len(chunk)
            if written > limit:
                raise AdapterError(
                    "'{name}' in the zip is larger than {limit} KB.", name=target.name, limit=limit // 1024
                )
            write.write(chunk)


def _slug(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name).strip("-") or "adapter"


def _readme(card: AdapterCard) -> str:
    head = {"library_name": "peft", "base_model": card.base_model, "base_fingerprint": card.base_fingerprint}
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in head.items() if value]
    about = f"A LoRA adapter for `{card.base_model}`, made with the LLM Playground on {card.created[:10]}."
    use = "Load it with PEFT, or import the zip in an LLM Playground that runs the same base model."
    return "\n".join(["---", *lines, "tags: [lora]", "---", "", f"# {card.name}", "", about, "", use, ""])
