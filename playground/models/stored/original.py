"""Which packed checkpoints can be used here, and what to choose in the place of one that cannot."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playground.sentence import Sentence

_README = "README.md"
_MAX_README_BYTES = 256 * 1024
_BASE = re.compile(r"^base_model:[ \t]*\n?[ \t]*(?:-[ \t]+)?[\"']?([\w.-]+/[\w.-]+)[\"']?[ \t]*$", re.MULTILINE)
_PACKED_NAME = re.compile(
    r"[-_.](?:gptq(?:[-_]int[348])?|awq(?:[-_]int4)?|int[48]|[348]bit|w4a16|w8a8|fp8(?:[-_]dynamic)?|nvfp4|hqq|eetq|aqlm)",
    re.IGNORECASE,
)


UNPACKED = ("fp8", "mxfp8", "mxfp4")
"""What transformers unpacks on any machine."""


def packing_of(config: Mapping[str, Any]) -> str:
    """What a config.json says that the weights are packed as; "" for those that lie there as they are computed with."""
    stored = config.get("quantization_config")
    return str(stored.get("quant_method") or "unknown") if isinstance(stored, Mapping) and stored else ""


def unusable_packing(config: Mapping[str, Any]) -> str:
    """What a model is packed as that cannot be read here; "" where it can."""
    packing = packing_of(config)
    if packing in UNPACKED or (packing == "bitsandbytes" and config["quantization_config"].get("load_in_4bit")):
        return ""
    return packing


def original_of(name: str, packing: str, folder: Path | None = None, told: str = "") -> Sentence:
    """Say that a packed model cannot be used, and name the one that it was made from: as its card has it (`told`, or
    in `folder`), else as its name has it."""
    original = told or _named_in(folder) or _from_name(name)
    if original:
        return Sentence(
            "{model} is stored quantized ({packing}) in a way that cannot be used here. Choose {original}: it is "
            "quantized here while loading.",
            model=name,
            packing=packing,
            original=original,
        )
    return Sentence(
        "{model} is stored quantized ({packing}) in a way that cannot be used here. Choose its unquantized version: it "
        "is quantized here while loading.",
        model=name,
        packing=packing,
    )


def _named_in(folder: Path | None) -> str:
    path = folder / _README if folder else None
    if path is None or not path.is_file() or path.stat().st_size > _MAX_README_BYTES:
        return ""
    head = path.read_text(encoding="utf-8", errors="replace").partition("\n---")[0]
    found = _BASE.search(head)
    return found[1] if found else ""


def _from_name(name: str) -> str:
    """Publishers name what they pack after what it was made from."""
    plain = _PACKED_NAME.sub("", name)
    return plain if plain != name and "/" in name else ""
