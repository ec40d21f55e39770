"""The weights of a base model as they lie on the disk."""

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from playground.errors import AdapterError
from playground.safetensors_header import TensorInfo, read_header

_INDEX, _ONE_FILE = "model.safetensors.index.json", "model.safetensors"
_MAX_HEADER_BYTES = 100 * 10**6


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One safetensors file of a model, of `size` bytes: its weights by name, in the order in which they lie."""

    path: Path
    size: int
    weights: dict[str, TensorInfo]

    @property
    def start(self) -> int:
        """Where the weights begin: all before it is the header."""
        return min((info.start for info in self.weights.values()), default=self.size)


def find_weights(model: Path) -> tuple[WeightFile, ...]:
    """Read which weights the model's files hold; raises `AdapterError` where there is none that can be read."""
    try:
        index = model / _INDEX
        names = {_ONE_FILE}
        if index.is_file() and not (model / _ONE_FILE).is_file():
            names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        return tuple(_read(model / name) for name in sorted(names))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AdapterError(
            "The files of the base model cannot be read as safetensors, so no whole model can be made. Download the "
            "adapter alone."
        ) from error


def read_ahead(setting: str, quantized: Path) -> None:
    """Have the system read the weights that are likely wanted, while libraries are imported that will want them.

    They are those in the newest folder in `quantized`, else those that the setting names, where they are there.
    """
    with suppress(OSError, ValueError, AttributeError):  # not every system takes advice, nor every setting is a name
        folders = sorted(quantized.glob("[!.]*"), key=lambda path: path.stat().st_mtime)
        for path in (folders[-1] if folders else _folder_of(setting)).glob("*.safetensors"):
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)


def _folder_of(setting: str) -> Path:
    folder = Path(setting).expanduser()
    if folder.is_dir():
        return folder
    from huggingface_hub import try_to_load_from_cache

    return Path(str(try_to_load_from_cache(setting, "config.json"))).parent


def _read(path: Path) -> WeightFile:
    found = read_header(path, _MAX_HEADER_BYTES)
    return WeightFile(path, path.stat().st_size, dict(sorted(found.items(), key=lambda item: item[1].start)))
