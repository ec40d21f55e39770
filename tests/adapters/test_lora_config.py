"""Configurations as they are found in the wild are read as PEFT reads them, or refused with the reason."""

from pathlib import Path

import pytest

from playground.adapters.check import check_folder
from playground.errors import AdapterError
from tests.adapters.test_check import adapter


@pytest.mark.parametrize(
    "changes",
    [
        dict.fromkeys(("bias", "lora_dropout", "use_rslora", "fan_in_fan_out", "inference_mode", "revision")),
        {"surprise": None, "another": False, "third": [], "fourth": {}, "fifth": 0},
        {"unsloth_version": "2026.1", "transformers_version": "5.1"},
        {"init_lora_weights": "eva", "eva_config": {"rho": 2.0, "tau": 0.99}},
        {"target_modules": r"model\.layers\.\d+\.self_attn\.(q|v)_proj"},
        {"target_modules": r".*(self_attn|mlp).*(q_proj|v_proj)"},
        {"exclude_modules": r".*\.mlp\..*"},
        {"r": 8, "rank_pattern": {r"layers\.\d+\.self_attn\.q_proj": 4}},
        {"alpha_pattern": {r".*q_proj": 3}},
    ],
)
def test_configurations_taken(tmp_path: Path, changes: dict[str, object]) -> None:
    """Defends what other programs write: keys that are off, versions, regular expressions, harmless starts."""
    assert check_folder(adapter(tmp_path / "a", **changes)).pairs


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"peft_type": "IA3"}, "IA3"),
        ({"peft_type": None}, "only LORA"),
        ({"task_type": "SEQ_CLS"}, "SEQ_CLS"),
        ({"use_dora": True}, "DoRA"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"bias": "all"}, "biases"),
        ({"lora_bias": True}, "biases"),
        ({"trainable_token_indices": [1]}, "embeddings"),
        ({"target_parameters": ["w"]}, "single parameters"),
        ({"layer_replication": [[0, 1]]}, "replicated"),
        ({"init_lora_weights": "pissa"}, "pissa"),
        ({"init_lora_weights": 1}, "changed base model"),
        ({"surprise": 1}, "'surprise'"),
        ({"r": 0}, "rank"),
        ({"r": True}, "rank"),
        ({"r": 10**9}, "rank"),
        ({"rank_pattern": {"q_proj": -1}}, "rank"),
        ({"rank_pattern": {"(": 4}}, "a regular expression"),
        ({"rank_pattern": {"x" * 2_000: 4}}, "rank_pattern"),
        ({"lora_alpha": float("nan")}, "lora_alpha"),
        ({"lora_alpha": 0}, "lora_alpha"),
        ({"lora_alpha": "8"}, "lora_alpha"),
        ({"lora_dropout": 2}, "lora_dropout"),
        ({"target_modules": "(a+)+$"}, "does not name as a target"),
        ({"target_modules": "(" * 900}, "regular expression"),
        ({"target_modules": r"(?:(?:[a-z_.0-9]*)*)*!"}, "regular expression|does not name as a target"),
        ({"target_modules": "x" * 2_000}, "regular expression for target_modules"),
        ({"layers_pattern": "(a+)+$"}, "regular expression for layers_pattern"),
        ({"surprise": {"on": True}}, "'surprise'"),
        ({"eva_config": None, "init_lora_weights": "pissa_niter_4"}, "pissa"),
        ({"target_modules": {"a": 1}}, "target_modules"),
        ({"layers_to_transform": ["x"]}, "layers_to_transform"),
        ({"base_model_name_or_path": "a\nb"}, "base_model_name_or_path"),
        ({"use_rslora": "yes"}, "use_rslora"),
        ({"r": 8}, "rank 4, but the configuration says 8"),
        ({"lora_alpha": 10**400}, "lora_alpha"),
        ({"target_modules": 0}, "target_modules"),
        ({"target_modules": []}, "does not name as a target"),
        ({"target_modules": ["v_proj"]}, "does not name as a target"),
        ({"target_modules": "q_proj"}, "does not name as a target"),
        ({"exclude_modules": ["self_attn.q_proj"]}, "does not name as a target"),
        ({"layers_to_transform": [1]}, "does not name as a target"),
        ({"layers_to_transform": 0, "layers_pattern": "h"}, "does not name as a target"),
        ({"layers_pattern": ["layers"] * 21}, "layers_pattern"),
        ({"\ud800<b>\n": 1}, r"'\?\?b\?\?'"),
        ({"peft_type": [["deep"]]}, "the kind a list"),
    ],
)
def test_configurations_refused(tmp_path: Path, changes: dict[str, object], reason: str) -> None:
    """Defends the live model from what it cannot swap, and the server from wicked patterns."""
    with pytest.raises(AdapterError, match=reason):
        check_folder(adapter(tmp_path / "a", **changes))
