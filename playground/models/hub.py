"""What the Hugging Face hub knows of a model, before anything of it is fetched."""

import importlib.util
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from babel import Locale
from huggingface_hub import HfApi, ModelInfo, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError
from huggingface_hub.utils import build_hf_headers, filter_repo_objects, get_session, hf_raise_for_status

from playground.errors import ModelError
from playground.models.hub_errors import TIMEOUT_S, endpoint, hub_errors_told
from playground.models.stored.original import original_of, unusable_packing

WANTED_FILES = ("*.json", "*.safetensors", "*.jinja", "*.txt", "tokenizer.model")
UNWANTED_FILES = ("*/*", "consolidated*.safetensors")
"""Some publishers add their weights once more in another layout, in folders or beside the others."""
CONFIG_FILE = "config.json"
_ADAPTER = "adapter_model.safetensors"
_TEXT_GENERATION = "text-generation"
_WRITES = ("ForCausalLM", "LMHeadModel")
"""So end the names of the classes that write text."""
_SEES_AND_WRITES = "ForConditionalGeneration"
"""And so of those that see pictures too, which have a part for text."""
_MAX_CONFIG_BYTES = 2**20
_EXPAND = ("cardData", "config", "disabled", "gated", "gguf", "pipeline_tag", "safetensors", "sha")
_BITS = {"F64": 64, "I64": 64, "F32": 32, "I32": 32, "F16": 16, "BF16": 16, "I16": 16, "F4": 4}


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file; `blob` is the hash of its content, by which the client's cache names it: a SHA-256 for large files
    (`lfs`), else git's SHA-1."""

    name: str
    size: int
    blob: str
    lfs: bool


@dataclass(frozen=True, slots=True)
class HubFacts:
    """0, "" and () stand where nothing is known."""

    id: str
    commit: str = ""
    num_parameters: int = 0
    download_bytes: int = 0
    """Of the files that are needed; what the weights take, where only a search was made."""
    files: tuple[HubFile, ...] = ()
    """Those that are needed; a search does not tell them."""
    license: str = ""
    languages: tuple[str, ...] = ()
    """In English."""
    gated: bool = False
    has_safetensors: bool = False
    has_gguf: bool = False
    remote_code: bool = False
    """Whether it needs Python code of its publisher's, which is never run here."""
    pipeline_tag: str = ""
    base_model: str = ""
    """What its card says that it was made from."""
    config: dict[str, Any] = field(default_factory=dict)
    """Its config.json; a search gives a few keys of it."""


def facts(model_id: str) -> HubFacts:
    """Ask the hub about one model.

    Raises `ModelError` where the hub does not give it, or nobody could use it here.
    """
    with hub_errors_told(model_id):
        info = HfApi(endpoint=endpoint()).model_info(model_id, files_metadata=True, timeout=TIMEOUT_S)
        names = [sibling.rfilename for sibling in info.siblings or ()]
        _refuse_unfetchable(info, names)
        found = _described(info, _config_file(model_id, info.sha), _files(info))
    if found.remote_code:
        raise ModelError(
            "The model {model} runs Python code of its publisher's, which is not done here. Choose another.",
            model=model_id,
        )
    if not _writes_text(found):
        raise _no_text_generation(model_id)
    packing = unusable_packing(found.config)
    if packing:
        raise ModelError(original_of(found.id, packing, told=found.base_model))
    return found


def search(query: str, limit: int = 12) -> list[HubFacts]:
    """Find models that write text by a part of their id, the most downloaded first; raises `ModelError`."""
    params: dict[str, Any] = {
        "search": query,
        "pipeline_tag": _TEXT_GENERATION,
        "filter": "safetensors",
        "sort": "downloads",
        "limit": limit,
        "expand": _EXPAND,
    }
    with hub_errors_told(query):
        # not list_models: that tries six times, each without a bound on how long it takes
        response = get_session().get(
            f"{endpoint()}/api/models", params=params, headers=build_hf_headers(), timeout=TIMEOUT_S
        )
        hf_raise_for_status(response)
        found = [ModelInfo(**{"siblings": None, **item}) for item in response.json()[:limit]]
        return [_described(info, info.config or {}, ()) for info in found if not info.disabled]


def _refuse_unfetchable(info: ModelInfo, names: list[str]) -> None:
    model = info.id
    if info.disabled:
        raise ModelError("The Hugging Face hub has disabled the model {model}. Choose another.", model=model)
    if any(name.endswith(".safetensors") and name != _ADAPTER for name in _wanted(names)):
        return
    if _ADAPTER in names:
        raise ModelError(
            "{model} is an adapter for a model and none by itself. Choose the model that it was made for.", model=model
        )
    if info.gguf or any(name.lower().endswith(".gguf") for name in names):
        raise ModelError(
            "The model {model} is there only as GGUF files. Choose the original that it was made from, or fetch one of "
            "the files yourself and name where it lies.",
            model=model,
        )
    raise ModelError("The model {model} has no weights in the safetensors format. Choose another.", model=model)


def _no_text_generation(model_id: str) -> ModelError:
    return ModelError("The model {model} is not made to write text. Choose one for text generation.", model=model_id)


def _writes_text(found: HubFacts) -> bool:
    classes = found.config.get("architectures")
    if isinstance(classes, list) and classes:
        ends = (*_WRITES, _SEES_AND_WRITES) if "vision_config" in found.config else _WRITES
        return any(str(name).endswith(ends) for name in classes)
    return found.pipeline_tag == _TEXT_GENERATION


def _config_file(model_id: str, revision: str | None) -> dict[str, Any]:
    """Fetch config.json; the hub tells by this whether it would give the weights, too."""
    if not revision:
        raise ValueError("no commit")
    url = hf_hub_url(model_id, CONFIG_FILE, revision=revision, endpoint=endpoint())
    text = b""
    with get_session().stream("GET", url, headers=build_hf_headers(), timeout=TIMEOUT_S) as response:
        try:
            hf_raise_for_status(response)
        except EntryNotFoundError as error:
            raise _no_text_generation(model_id) from error
        for chunk in response.iter_bytes():
            text += chunk
            if len(text) > _MAX_CONFIG_BYTES:
                raise ValueError("config.json is too long")
    config = json.loads(text)
    if not isinstance(config, dict):
        raise ValueError("config.json is no object")
    return config


def _described(info: ModelInfo, config: dict[str, Any], files: tuple[HubFile, ...]) -> HubFacts:
    card: Mapping[str, Any] = info.card_data.to_dict() if info.card_data else {}
    names = [sibling.rfilename for sibling in info.siblings or ()]
    weights = info.safetensors
    sizes = {file.blob: file.size for file in files}
    return HubFacts(
        id=info.id,
        commit=info.sha or "",
        num_parameters=weights.total if weights else 0,
        download_bytes=sum(sizes.values()) or (_weight_bytes(weights.parameters) if weights else 0),
        files=files,
        license=license_of(card),
        languages=_languages(card.get("language")),
        gated=bool(info.gated),
        has_safetensors=bool(weights) or any(file.name.endswith(".safetensors") for file in files),
        has_gguf=bool(info.gguf) or any(name.lower().endswith(".gguf") for name in names),
        remote_code="auto_map" in config and not _known_here(config.get("model_type")),
        pipeline_tag=info.pipeline_tag or "",
        base_model=_only(card.get("base_model")),
        config=config,
    )


def _files(info: ModelInfo) -> tuple[HubFile, ...]:
    siblings = {sibling.rfilename: sibling for sibling in info.siblings or ()}
    found = []
    for name in _wanted(list(siblings)):
        file = siblings[name]
        blob = file.lfs.sha256 if file.lfs else file.blob_id
        if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", blob or "") or file.size is None:
            raise ValueError(f"no size or hash of {name}")
        found.append(HubFile(name, file.size, str(blob), bool(file.lfs)))
    return tuple(found)


def _wanted(names: list[str]) -> list[str]:
    return list(filter_repo_objects(names, allow_patterns=[*WANTED_FILES], ignore_patterns=[*UNWANTED_FILES]))


def _weight_bytes(parameters: Mapping[str, int]) -> int:
    return sum(count * _BITS.get(dtype, 8) // 8 for dtype, count in parameters.items())


def license_of(card: Mapping[str, Any]) -> str:
    """As a card tells it; "" for nothing."""
    told = card.get("license")
    if told == "other":
        told = card.get("license_name") or told
    return ", ".join(map(str, told)) if isinstance(told, list) else str(told or "")


def _only(told: object) -> str:
    """The one model that a card names; "" where it names none or several."""
    named = told if isinstance(told, list) else [told]
    return named[0] if len(named) == 1 and isinstance(named[0], str) else ""


def _languages(codes: object) -> tuple[str, ...]:
    """English names of a card's codes; what is none ("multilingual", "code") is left out."""
    known = Locale("en").languages
    listed = [codes] if isinstance(codes, str) else codes if isinstance(codes, list) else []
    # a bare `no` in a card is Norwegian that YAML reads as False
    asked = ("no" if code is False else str(code).lower().replace("-", "_") for code in listed)
    return tuple(dict.fromkeys(str(known[code]) for code in asked if code in known))


def _known_here(model_type: object) -> bool:
    """Whether transformers has classes of its own for it, which are then used in place of the publisher's code.

    Looked for by its folder: to import transformers takes seconds, and its server does without.
    """
    spec = importlib.util.find_spec("transformers")
    if spec is None or not isinstance(model_type, str) or not re.fullmatch(r"[\w-]+", model_type):
        return False
    places = spec.submodule_search_locations or ()
    return any((Path(place) / "models" / model_type.replace("-", "_")).is_dir() for place in places)
