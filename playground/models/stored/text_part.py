"""The part for text of a checkpoint that reads pictures or sounds too: it writes, and the rest is not loaded."""

import copy
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import torch
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    PretrainedConfig,
    PreTrainedModel,
)

from playground.models.stored.original import packing_of
from playground.safetensors_header import read_header

_MAX_HEADER_BYTES = 100 * 10**6
_SAME_FOR_TEXT = {
    "qwen2_vl_text": "qwen2",
    "qwen2_5_vl_text": "qwen2",
    "qwen2_5_omni_text": "qwen2",
    "qwen3_vl_text": "qwen3",
}
"""Parts that transformers has no class for by themselves: what they add is where in a picture a token stands."""
_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id")
_SKIPPED = ("llm_int8_skip_modules", "modules_to_not_convert")
"""Where a `quantization_config` names modules."""
_TRUNK = "model"
_WITHIN = re.compile(r"^(?:model\.)?language_model\.(?:model\.)?")
"""How they begin there, in one version of transformers or another."""


@dataclass(frozen=True, slots=True)
class StoredModel:
    """What writes in a folder: its configuration, and for the names that its weights have in the files as regular
    expressions what the model calls them; none where the whole model writes."""

    config: PretrainedConfig
    renamed: dict[str, str] = field(default_factory=dict)

    @property
    def packing(self) -> str:
        """What the weights are packed as; "" for those that lie there as they are computed with."""
        return packing_of(vars(self.config))

    def model_name(self, stored: str) -> str:
        """What the model calls the weight, or module, of this name in the files."""
        for pattern, replacement in self.renamed.items():
            stored = re.sub(pattern, replacement, stored)
        return stored

    def frame(self) -> PreTrainedModel:
        """The model without its weights."""
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(self.config)


def read_stored(folder: Path) -> StoredModel:
    """Read a folder's configuration; raises what transformers raises for one that it cannot read."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    inner = config.text_config if "text_config" in type(config).sub_configs else None
    if not isinstance(inner, PretrainedConfig):
        return StoredModel(config)
    text = _written_by(inner)
    if type(text) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        return StoredModel(config)
    names = {name for file in folder.glob("*.safetensors") for name in read_header(file, _MAX_HEADER_BYTES)}
    _complete(text, config, names)
    part = StoredModel(text)
    found = _renamed(part.frame(), names)
    if found is None:
        return StoredModel(config)
    part = StoredModel(text, found)
    for listed in _SKIPPED:
        stored = getattr(text, "quantization_config", None) or {}
        if stored.get(listed):
            stored[listed] = [_WITHIN.sub(f"{_TRUNK}.", name) for name in stored[listed]]
    return part


def _written_by(inner: PretrainedConfig) -> PretrainedConfig:
    alike = _SAME_FOR_TEXT.get(inner.model_type)
    if alike is None:
        return copy.deepcopy(inner)
    told = {name: value for name, value in inner.to_dict().items() if name != "model_type"}
    return AutoConfig.for_model(alike, **told)


def _complete(text: PretrainedConfig, whole: PretrainedConfig, names: Collection[str]) -> None:
    """Give the part what stands beside it."""
    text._name_or_path = whole._name_or_path
    text.tie_word_embeddings = not any(name.endswith("lm_head.weight") for name in names)
    for token in _TOKENS:
        if getattr(text, token, None) is None:
            setattr(text, token, getattr(whole, token, None))
    if getattr(whole, "quantization_config", None) is not None:
        text.quantization_config = copy.deepcopy(whole.quantization_config)


def _renamed(frame: PreTrainedModel, names: Collection[str]) -> dict[str, str] | None:
    """None where the files hold no such part."""
    trunk = frame.base_model_prefix
    words = next(name for name, one in frame.named_modules() if one is frame.get_input_embeddings())
    end = f"{words}.weight".removeprefix(f"{trunk}.")
    starts = {name.removesuffix(end) for name in names if name == end or name.endswith(f".{end}")}
    if not starts:
        return None
    start = max(starts, key=lambda one: sum(name.startswith(one) for name in names))
    found = {} if start == f"{trunk}." else {f"^{start}": f"{trunk}."}
    head = next((name for name in names if name.endswith(".lm_head.weight")), None)
    return found | ({f"^{head.removesuffix('.weight')}": "lm_head"} if head else {})
