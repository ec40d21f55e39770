"""What a base model answers to a fixed set of items, kept so that every adapter on it is compared sooner."""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

from playground.files import write_json

log = logging.getLogger(__name__)


class BaselineCache:
    """The base's predictions by the items' names, in one file for each `key`.

    `key` is JSON: it names the model, how it is loaded, and all that it is asked.
    """

    def __init__(self, folder: Path, key: object) -> None:
        name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]
        self._path = folder / f"{name}.json"
        self.predictions: dict[str, Any] = self._read()

    def save(self) -> None:
        """Write all that is known; a disk that refuses costs the next comparison some seconds and nothing else."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._path, self.predictions)
        except OSError:
            log.exception("what the base model said could not be kept in %s", self._path)

    def _read(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError):
            log.exception("what the base model said is asked again, as %s cannot be read", self._path)
            return {}
