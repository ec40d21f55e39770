"""Which base model is this? An adapter is bound to the answer."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from playground.errors import ModelError

_NOT_IDENTITY = {"_name_or_path", "transformers_version", "dtype", "torch_dtype", "use_cache", "quantization_config"}
"""Keys of `config.json` that change without the model becoming another one."""

_WHOLE_BYTES = 256 * 2**20
_SAMPLES = 32
_SAMPLE_BYTES = 256 * 2**10


def fingerprint(folder: Path) -> str:
    """Name the base model in `folder` by a SHA-256 over its configuration and weights (64 hex digits).

    Weight files beyond 256 MiB are sampled at 32 even places, their sizes included: another training of the same
    architecture changes every tensor, so this tells models apart in a fraction of a second. Raises `ModelError`.
    """
    digest = hashlib.sha256()
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kept = {key: value for key, value in config.items() if key not in _NOT_IDENTITY}
        digest.update(json.dumps(kept, sort_keys=True).encode())
        for path in sorted(folder.glob("*.safetensors")):
            stat = path.stat()
            digest.update(f"\0{path.name}\0{stat.st_size}\0".encode())
            digest.update(_weights_digest(path, stat.st_size, stat.st_mtime_ns))
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError("The model in {folder} cannot be read: {reason}.", folder=folder, reason=error) from error
    return digest.hexdigest()


@lru_cache(maxsize=64)
def _weights_digest(path: Path, size: int, _changed_ns: int) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if size <= _WHOLE_BYTES:
            while block := file.read(2**20):
                digest.update(block)
            return digest.digest()
        for sample in range(_SAMPLES):
            file.seek(sample * (size - _SAMPLE_BYTES) // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE_BYTES))
    return digest.digest()
