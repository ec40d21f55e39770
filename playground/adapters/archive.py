"""Adapters in and out as zip files in PEFT format. What comes in is looked at before a byte is written."""

import json
import re
import zipfile
from pathlib import Path

from playground.adapters.check import PICKLE_REASON, PICKLES, README, WEIGHTS, AdapterFacts, check_folder
from playground.adapters.info import AdapterInfo
from playground.adapters.lora_config import CONFIG, MAX_CONFIG_BYTES
from playground.adapters.lora_weights import MAX_FILE_BYTES
from playground.adapters.model_card import model_card
from playground.adapters.safe_zip import Files, extract, opened
from playground.errors import AdapterError
from playground.files import open_atomic

OVERHEAD_BYTES = 16 * 1024**2
"""What a zip may hold beside weights."""
MAX_ZIP_BYTES = MAX_FILE_BYTES + OVERHEAD_BYTES
MAX_EXPANSION = 32
"""Weights hardly become smaller in a zip; what grows much more than this when it is unpacked is a trap."""
_LIMITS = {CONFIG: MAX_CONFIG_BYTES, WEIGHTS: MAX_FILE_BYTES, README: 256 * 1024}


def export_zip(info: AdapterInfo, to: Path, base_id: str = "") -> Path:
    """Write the adapter as a zip that PEFT reads once unpacked; `to` is a folder, or the file to write.

    `base_id` is what others know the base model by, where that is not `info`'s name for it.
    """
    target = to / f"{file_name(info)}.zip" if to.is_dir() else to
    config = json.loads((info.folder / CONFIG).read_text(encoding="utf-8-sig"))
    config["base_model_name_or_path"] = base_id or info.base_model  # a name, where training may have written a path
    with open_atomic(target) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(CONFIG, json.dumps(config, indent=2, sort_keys=True))
        archive.write(info.folder / WEIGHTS, WEIGHTS, compress_type=zipfile.ZIP_STORED)
        archive.writestr(README, model_card(info, base_id))
    return target


def unpack_zip(path: Path, folder: Path) -> AdapterFacts:
    """Unpack a zipped PEFT folder into an empty one and tell what it says of itself; raises `AdapterError` with the
    reason against it.

    What is there then of the folder is for the caller to remove.
    """
    with opened(path, MAX_ZIP_BYTES) as (archive, files):
        max_bytes = OVERHEAD_BYTES + MAX_EXPANSION * path.stat().st_size
        for name, entry in _adapter_files(files).items():
            extract(archive, entry, folder / name, min(max_bytes, _LIMITS[name]))
    return check_folder(folder)


def file_name(info: AdapterInfo) -> str:
    """The adapter's name as part of a file's."""
    return re.sub(r"[^\w-]+", "-", info.name).strip("-") or "adapter"


def _adapter_files(files: Files) -> dict[str, zipfile.ZipInfo]:
    """The adapter's files by their plain names, from the one folder that holds a configuration.

    Checkpoints of the training may lie in folders below it: the outermost is what was meant.
    """
    homes = [place.parent for place in files if place.name == CONFIG]
    outermost = min((len(home.parts) for home in homes), default=0)
    homes = [home for home in homes if len(home.parts) == outermost]
    if len(homes) != 1:
        raise AdapterError("The zip must hold one {name}; it holds {count}.", name=CONFIG, count=len(homes))
    found = {name: files[homes[0] / name] for name in _LIMITS if homes[0] / name in files}
    if WEIGHTS not in found:
        for pickle in PICKLES:
            if homes[0] / pickle in files:
                raise AdapterError(PICKLE_REASON, name=pickle)
    return found
