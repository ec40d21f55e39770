"""Load a base model: the bundled one, a folder, or a model of the Hugging Face hub."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.utils.logging import disable_progress_bar

from playground.errors import ModelError
from playground.models.catalog import COMMON_LANGUAGES, STARTER, STARTER_FOLDER, find_model, fitting_models
from playground.models.fingerprint import fingerprint
from playground.models.quantization import cache_dequantized, disable_cpu_repacking, plan_quantization
from playground.settings import Quantization

log = logging.getLogger(__name__)

_FILES = ["*.json", "*.safetensors", "*.jinja", "*.txt", "tokenizer.model"]
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")
_SPEAKING = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
_GIB = 2**30

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in memory. `quantization` is what was really loaded: "4-bit", "8-bit", "bf16", "fp16" or "fp32"."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    name: str
    device: torch.device
    quantization: str
    memory_gib: float
    folder: Path
    fingerprint: str
    languages: tuple[str, ...]
    weak_tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    folder: Path
    name: str
    languages: tuple[str, ...]
    weak_tasks: tuple[str, ...] = ()


def load_model(setting: str, quantization: Quantization = "auto", *, for_training: bool = False) -> LoadedModel:
    """Load the model that `PLAYGROUND_MODEL` names, on the GPU where there is one, ready to generate.

    With `for_training` the CPU's 4-bit weights are never re-packed, so that gradients are right. Raises `ModelError`
    with one sentence for whatever goes wrong.
    """
    disable_progress_bar()
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)  # 8-bit warns at every layer
    found = resolve_model(setting)
    device = torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
    config = _read_config(found)
    plan = _guarded(found, lambda: plan_quantization(config, quantization, device))
    tokenizer = load_tokenizer(found.folder)
    model, loading = _guarded(
        found,
        lambda: AutoModelForCausalLM.from_pretrained(
            found.folder,
            config=config,
            dtype=plan.dtype,
            quantization_config=plan.config,
            device_map={"": str(device)},
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        ),
    )
    _check_complete(found, model, tokenizer, loading)
    model.eval()
    memory = model.get_memory_footprint()
    if for_training:
        disable_cpu_repacking(model)
    else:
        memory += cache_dequantized(model)
    return LoadedModel(
        model=model,
        tokenizer=tokenizer,
        name=found.name,
        device=device,
        quantization=plan.name,
        memory_gib=memory / _GIB,
        folder=found.folder,
        fingerprint=fingerprint(found.folder),
        languages=found.languages,
        weak_tasks=found.weak_tasks,
    )


def resolve_model(setting: str) -> ResolvedModel:
    """Find the files that a setting means, downloading a hub model where it is not there yet.

    `auto` never downloads: it takes the best model of the catalog that fits the GPU *and* is on this machine
    already, otherwise the starter, so that starting never waits. Raises `ModelError`.
    """
    if setting == "auto":
        return _best_present() or _starter()
    if setting == "starter":
        return _starter()
    folder = Path(setting).expanduser()
    if folder.is_dir() and folder.resolve() == STARTER_FOLDER:
        return _starter()
    if folder.is_dir():
        return ResolvedModel(folder.resolve(), folder.resolve().name, COMMON_LANGUAGES)
    if folder.is_absolute() or setting.startswith((".", "~")) or setting.count("/") != 1:
        raise ModelError(
            "There is no model '{setting}'. Name a folder that exists, a Hugging Face model id such as "
            "Qwen/Qwen2.5-0.5B-Instruct, starter or auto.",
            setting=setting,
        )
    return _from_hub(setting, local_only=False)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """Load the tokenizer beside a model. Raises `ModelError`."""
    found = ResolvedModel(folder, folder.name, ())
    if not any((folder / name).is_file() for name in _TOKENIZER_FILES):
        raise ModelError("The model in {folder} comes without a tokenizer, so it cannot read text.", folder=folder)
    tokenizer = _guarded(
        found, lambda: AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    )
    if not tokenizer.is_fast or len(tokenizer) == 0:
        raise ModelError("The tokenizer in {folder} is of a kind that cannot be used here.", folder=folder)
    return tokenizer


def _starter() -> ResolvedModel:
    if not (STARTER_FOLDER / "config.json").is_file():
        raise ModelError(
            "The bundled model is missing from {folder}. Get the project's files again, or set PLAYGROUND_MODEL.",
            folder=STARTER_FOLDER,
        )
    return ResolvedModel(STARTER_FOLDER, STARTER.name, STARTER.languages, STARTER.weak_tasks)


def _best_present() -> ResolvedModel | None:
    if not torch.cuda.is_available():
        return None
    memory_gib = torch.cuda.get_device_properties(0).total_memory / _GIB
    for candidate in fitting_models(memory_gib):
        try:
            return _from_hub(candidate.model_id, local_only=True)
        except ModelError:
            continue
    return None


def _from_hub(model_id: str, *, local_only: bool) -> ResolvedModel:
    known = find_model(model_id)
    try:
        folder = Path(snapshot_download(model_id, allow_patterns=_FILES, local_files_only=local_only))
    except (HFValidationError, OSError, ValueError) as error:
        log.info("no files of %s: %s", model_id, error)
        raise ModelError(
            "The model {model} could not be fetched from the Hugging Face hub. Check its name and the network, or "
            "set PLAYGROUND_MODEL to starter.",
            model=model_id,
        ) from error
    if not any(folder.glob("*.safetensors")):
        raise ModelError("The model {model} has no weights in the safetensors format.", model=model_id)
    return ResolvedModel(folder, known.name if known else model_id, known.languages if known else COMMON_LANGUAGES)


def _read_config(found: ResolvedModel) -> PretrainedConfig:
    if not (found.folder / "config.json").is_file():
        raise ModelError("There is no model in {folder}: it has no config.json.", folder=found.folder)
    config = _guarded(
        found, lambda: AutoConfig.from_pretrained(found.folder, local_files_only=True, trust_remote_code=False)
    )
    kinds = getattr(config, "architectures", None) or []
    speaks = not kinds or any(kind.endswith(_SPEAKING) for kind in kinds)
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING or not speaks:
        raise ModelError(
            "{model} is a {kind} model, which cannot write text. Choose a causal language model.",
            model=found.name,
            kind=", ".join(kinds) or config.model_type,
        )
    if getattr(config, "quantization_config", None) is not None:
        raise ModelError(
            "{model} is stored quantized already. Choose its unquantized version: it is quantized here while loading.",
            model=found.name,
        )
    return config


def _check_complete(
    found: ResolvedModel, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, loading: dict[str, Any]
) -> None:
    """transformers fills missing weights with random numbers; such a model must not start."""
    missing = sorted(loading.get("missing_keys", ()))
    if missing:
        raise ModelError(
            "The weights of {model} are incomplete: {count} are missing, such as {first}.",
            model=found.name,
            count=len(missing),
            first=missing[0],
        )
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        raise ModelError(
            "The tokenizer of {model} has more words than the model knows; it belongs to another model.",
            model=found.name,
        )


def _guarded(found: ResolvedModel, load: Callable[[], T]) -> T:
    """Whatever the libraries raise on a stranger's files becomes one sentence; the details go to the log."""
    try:
        return load()
    except ModelError:
        raise
    except torch.OutOfMemoryError as error:
        raise ModelError(
            "{model} does not fit in the GPU's memory. Choose a smaller model, or PLAYGROUND_QUANTIZATION=4bit.",
            model=found.name,
        ) from error
    except Exception as error:
        log.info("loading %s failed", found.folder, exc_info=True)
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
        raise ModelError(
            "{model} cannot be loaded; its files may be damaged or of an unknown kind ({reason}).",
            model=found.name,
            reason=reason,
        ) from error
