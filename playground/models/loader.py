"""Load a base model: the bundled one, a folder, or a model of the Hugging Face hub."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.utils.logging import disable_progress_bar

from playground.errors import ModelError, first_line
from playground.models.fingerprint import fingerprint
from playground.models.quantization import (
    QuantizationPlan,
    cast_unquantized,
    disable_cpu_repacking,
    expert_widths,
    is_stored_in_4bit,
    lora_widths,
    memory_bytes,
    plan_quantization,
)
from playground.models.quantized_cache import Loaded, QuantizedCache
from playground.models.resolve import ResolvedModel, resolve_model
from playground.models.stored.original import UNPACKED, original_of, unusable_packing
from playground.models.stored.text_part import StoredModel, read_stored
from playground.models.stored.unpacking import check_memory, load_unpacked
from playground.models.tokenizer import ChatTokenizer
from playground.protocol.model import ModelInfo, Quantization

log = logging.getLogger(__name__)

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")
_SPEAKING = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
_GIB = 2**30
_DTYPES: dict[torch.dtype, Literal["fp32", "bf16", "fp16"]] = {
    torch.float32: "fp32",
    torch.bfloat16: "bf16",
    torch.float16: "fp16",
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in memory, ready to generate or to train."""

    model: PreTrainedModel
    tokenizer: ChatTokenizer
    info: ModelInfo

    @property
    def device(self) -> torch.device:
        return torch.device(self.model.device)


def inspect_model(setting: str) -> ResolvedModel:
    """Find a model, and check of its files what can be checked without reading its weights. Raises `ModelError`."""
    found = resolve_model(setting)
    _read_config(found)
    load_tokenizer(found.folder)
    return found


def load_model(
    setting: str,
    quantization: Quantization = "auto",
    *,
    cache: QuantizedCache | None = None,
) -> LoadedModel:
    """Load the model that `PLAYGROUND_MODEL` names, on the GPU where there is one. Its 4-bit weights are never
    re-packed, so that gradients are right.

    With `cache` they are quantized once and then read from there. Raises `ModelError` with one sentence for whatever
    goes wrong.
    """
    disable_progress_bar()
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)  # 8-bit warns at every layer
    found = resolve_model(setting)
    device = torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
    stored = _read_config(found)
    plan = _guarded(found, lambda: plan_quantization(stored.config, quantization, device))
    theirs = load_tokenizer(found.folder)
    if stored.packing in UNPACKED:
        check_memory(found.name, stored.packing, stored.frame().num_parameters())
    model, loading = _guarded(found, lambda: _load_weights(found.folder, stored, plan, device, cache))
    _check_complete(found, model, theirs, loading)
    model.eval()
    disable_cpu_repacking(model)
    torch.backends.cuda.enable_cudnn_sdp(False)  # it plans anew for each length, and each token is one
    tokenizer = ChatTokenizer(theirs, model.config, model.generation_config)
    return LoadedModel(model, tokenizer, _info(found, model, tokenizer, plan))


def _load_weights(
    folder: Path, stored: StoredModel, plan: QuantizationPlan, device: torch.device, cache: QuantizedCache | None
) -> Loaded:
    options: dict[str, Any] = {
        "dtype": plan.dtype,
        "device_map": {"": str(device)},
        "use_safetensors": True,
        "trust_remote_code": False,
        "local_files_only": True,
        "output_loading_info": True,
    }
    if stored.renamed:
        options["key_mapping"] = stored.renamed
    load = partial(AutoModelForCausalLM.from_pretrained, **options)
    config = stored.config
    if stored.packing in UNPACKED:

        def make(**asked: Any) -> Loaded:
            return load_unpacked(partial(load, folder), config, options, plan.dtype, asked.get("quantization_config"))
    else:
        make = partial(load, folder, config=config)
    if cache is not None and plan.config and plan.quantization == "4bit" and device.type == "cpu":
        return cache.load(folder, plan, make, load)
    if plan.config:
        return make(quantization_config=plan.config)
    loaded = make()
    if is_stored_in_4bit(config):
        cast_unquantized(loaded[0], plan.dtype)
    return loaded


def _info(found: ResolvedModel, model: PreTrainedModel, tokenizer: ChatTokenizer, plan: QuantizationPlan) -> ModelInfo:
    widths, experts = lora_widths(model), expert_widths(model)
    return ModelInfo(
        id=found.id,
        name=found.name,
        hub_id=found.hub_id,
        folder=found.folder,
        fingerprint=fingerprint(found.folder),
        num_parameters=model.num_parameters(),
        weights_bytes=sum(path.stat().st_size for path in found.folder.glob("*.safetensors")),
        quantization=plan.quantization,
        dtype=_DTYPES[plan.dtype],
        device=str(model.device),
        memory_gib=memory_bytes(model) / _GIB,
        context_length=tokenizer.context_length,
        has_chat_template=tokenizer.has_chat_template,
        can_think=tokenizer.thinking.switchable,
        languages=found.languages,
        chat_languages=found.chat_languages,
        good_for=found.good_for,
        weak_tasks=frozenset(found.weak_tasks),
        linear_modules=tuple(widths),
        expert_parameters=tuple(experts),
        lora_widths=widths | experts,
        license=found.license,
    )


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """Load the tokenizer beside a model. Raises `ModelError`."""
    found = ResolvedModel(str(folder), folder, folder.name, ())
    if not any((folder / name).is_file() for name in _TOKENIZER_FILES):
        raise ModelError("The model in {folder} comes without a tokenizer, so it cannot read text.", folder=folder)
    tokenizer = _guarded(
        found, lambda: AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    )
    if not tokenizer.is_fast or len(tokenizer) == 0:
        raise ModelError("The tokenizer in {folder} is of a kind that cannot be used here.", folder=folder)
    return tokenizer


def _read_config(found: ResolvedModel) -> StoredModel:
    if not (found.folder / "config.json").is_file():
        raise ModelError("There is no model in {folder}: it has no config.json.", folder=found.folder)
    stored = _guarded(found, lambda: read_stored(found.folder))
    config = stored.config
    kinds = getattr(config, "architectures", None) or []
    speaks = not kinds or any(kind.endswith(_SPEAKING) for kind in kinds)
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING or not speaks:
        raise ModelError(
            "{model} is a {kind} model, which cannot write text. Choose a causal language model.",
            model=found.name,
            kind=", ".join(kinds) or config.model_type,
        )
    packing = unusable_packing(vars(config))
    if packing:
        raise ModelError(original_of(found.name, packing, found.folder))
    return stored


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
        raise ModelError(
            "{model} cannot be loaded; its files may be damaged or of an unknown kind ({reason}).",
            model=found.name,
            reason=first_line(error),
        ) from error
