"""The adapters that come with the app: skills of the bundled model, one for a task."""

import json
import logging
from functools import cache
from pathlib import Path

from playground.adapters.info import AdapterInfo
from playground.data_dir import MANIFEST

SKILLS_FOLDER = Path(__file__).resolve().parents[2] / "assets" / "skills"
_log = logging.getLogger(__name__)


@cache
def builtin_adapters(folder: Path = SKILLS_FOLDER) -> tuple[AdapterInfo, ...]:
    """Those in `folder`, each a PEFT folder with a manifest; one that cannot be read is left out, and logged."""
    found = []
    for manifest in sorted(folder.glob(f"*/{MANIFEST}")):
        try:
            facts = json.loads(manifest.read_text(encoding="utf-8"))
            found.append(AdapterInfo.model_validate({**facts, "folder": manifest.parent}))
        except (OSError, ValueError, TypeError):
            _log.exception("the built-in skill in %s cannot be read", manifest.parent)
    return tuple(found)
