"""Tiny random models of the causal families that transformers can make, each with the tests' tokenizer."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from tests.support.tiny import CHATML, make_tokenizer

SIZES: dict[str, Any] = {
    "vocab_size": 512,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
    "max_position_embeddings": 256,
    "tie_word_embeddings": False,
}
EXPERTS: dict[str, Any] = {"num_local_experts": 4, "num_experts_per_tok": 2}
MAMBA2: dict[str, Any] = {
    "mamba_n_heads": 8,
    "mamba_d_head": 16,
    "mamba_d_state": 8,
    "mamba_chunk_size": 16,
    "mamba_n_groups": 1,
}
LINEAR: dict[str, Any] = {
    "layer_types": ["linear_attention", "full_attention"],
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
}
LATENT: dict[str, Any] = {
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 16,
    "kv_lora_rank": 16,
    "q_lora_rank": 16,
}
GPT2: dict[str, Any] = {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 256}
ONE_BY_ONE: dict[str, dict[str, Any]] = {
    "bamba": MAMBA2 | {"attn_layer_indices": [1]},
    "bloom": {"n_layer": 2, "n_head": 4},
    "codegen": GPT2 | {"rotary_dim": 8},
    "diffllama": {},
    "falcon": {},
    "falcon with alibi": {"alibi": True},
    "falcon_h1": MAMBA2 | {"mamba_d_ssm": 128},
    "falcon_mamba": {},
    "gpt_neo": {"num_layers": 2, "num_heads": 4, "attention_types": [[["global", "local"], 1]], "window_size": 8},
    "gpt_neox_japanese": {},
    "gptj": GPT2 | {"rotary_dim": 8},
    "granite_swa": {},
    "granitemoehybrid": EXPERTS | MAMBA2 | {"layer_types": ["mamba", "attention"], "shared_intermediate_size": 64},
    "jamba": {
        "num_hidden_layers": 4,
        "attn_layer_period": 2,
        "attn_layer_offset": 1,
        "expert_layer_period": 2,
        "expert_layer_offset": 1,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "mamba_d_state": 8,
        "mamba_dt_rank": 4,
        "use_mamba_kernels": False,
    },
    "lfm2": {"layer_types": ["conv", "full_attention"], "block_auto_adjust_ff_dim": False},
    "mamba": {"state_size": 8},
    "mamba2": {"state_size": 8, "num_heads": 8, "head_dim": 16, "n_groups": 1, "chunk_size": 16},
    "minimax": EXPERTS | {"layer_types": ["linear_attention", "full_attention"], "block_size": 16},
    "mpt": {"d_model": 64, "n_heads": 4, "n_layers": 2, "max_seq_len": 256},
    "nemotron": {},
    "gpt_oss": EXPERTS | {"head_dim": 16, "sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"]},
    "olmo_hybrid": {},
    "qwen3_5_text": LINEAR | {"head_dim": 16},
    "qwen3_next": LINEAR
    | {"head_dim": 16, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
    | {"shared_expert_intermediate_size": 32},
    "recurrent_gemma": {
        "num_hidden_layers": 3,
        "lru_width": 64,
        "attention_window_size": 16,
        "block_types": ["recurrent", "recurrent", "attention"],
    },
    "rwkv": {"attention_hidden_size": 64, "context_length": 256},
    "stablelm": {},
    "xglm": {"d_model": 64, "ffn_dim": 96, "num_layers": 2, "attention_heads": 4},
    "zamba2": {
        "layers_block_type": ["mamba", "hybrid"],
        "mamba_d_state": 8,
        "n_mamba_heads": 8,
        "mamba_headdim": 16,
        "mamba_ngroups": 1,
        "chunk_size": 16,
        "attention_head_dim": 32,
        "num_mem_blocks": 1,
        "use_shared_attention_adapter": False,
        "adapter_rank": 4,
    },
}
"""What each of these families wants beside `SIZES`; they cannot be read in one pass for all."""


_PLAIN = """
apertus arcee biogpt bitnet cohere cohere2 cohere2_moe ctrl doge ernie4_5 exaone4 flex_olmo gemma gemma2 gemma3_text
gemma4_unified_text glm glm4 gpt2 gpt_bigcode gpt_neox granite granitemoe granitemoeshared hyperclovax internlm3 jais2
jetmoe llama llama4_text ministral3 mistral mixtral nanochat olmo olmo2 olmo3 olmoe opt persimmon phi phi3 phimoe qwen2
qwen3 seed_oss smollm3 starcoder2
"""
IN_ONE_PASS: dict[str, dict[str, Any]] = {
    **{name: {} for name in _PLAIN.split()},
    **{name: {"head_dim": 16} for name in ("helium", "hunyuan_v1_dense", "hunyuan_v1_moe", "ministral")},
    **dict.fromkeys(("glm4_moe", "minimax_m2", "qwen3_moe"), EXPERTS),
    "deepseek_v3": LATENT
    | {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1},
    "minicpm3": LATENT,
}
"""Those of whom all that are asked share each pass."""
FAMILIES = IN_ONE_PASS | ONE_BY_ONE
TABLE = Path(__file__).parents[3] / "playground" / "engine" / "families.md"


def family_config(name: str, own: dict[str, Any]) -> PretrainedConfig:
    tokenizer = make_tokenizer(CHATML)
    ends = {"bos_token_id": None, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    return AutoConfig.for_model(name.split(maxsplit=1)[0], **(SIZES | ends | own))


def make_family(name: str, folder: Path, own: dict[str, Any]) -> Path:
    """A model with weights large enough that its greedy text is not one repeated token."""
    torch.manual_seed(0)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(family_config(name, own)).eval()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    make_tokenizer(CHATML).save_pretrained(folder)
    return folder


def table() -> str:
    """What is known of the families, as it stands beside the engine."""
    rows = [
        f"| {name} | {'in one pass' if name in IN_ONE_PASS else 'one at a time'} |"
        for name in sorted({one.split()[0] for one in FAMILIES})
    ]
    head = (
        "# Families of models\n\n"
        "Tiny random models of these were tried: alone and beside others, with an adapter and without, each writes\n"
        "what `generate` writes (`python -m pytest -m slow tests/engine/sequential/test_families.py`; this table:\n"
        "`python -m tests.engine.sequential.families`). *In one pass*: all requests share each pass through the\n"
        "model. *One at a time*: each has passes of its own, on the cache that transformers makes for `generate`.\n"
        "Others that transformers can make are tried in the same ways when they are loaded.\n\n"
        "| `model_type` | requests are answered |\n|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
