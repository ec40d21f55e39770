"""Tiny random checkpoints as people find them: with a part for pictures, or packed."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForImageTextToText, PreTrainedModel

from tests.engine.sequential.families import SIZES
from tests.support.tiny import CHATML, make_tokenizer

_TEXT = {name: value for name, value in SIZES.items() if name != "tie_word_embeddings"}
_IMAGES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 28,
    "patch_size": 14,
}
_DEEP = {"hidden_size": 32, "depth": 1, "num_heads": 2, "intermediate_size": 32, "out_hidden_size": 64}
_SECTIONS = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]}
SEEING: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "gemma3": ({"head_dim": 16}, _IMAGES),
    "llava": ({"model_type": "llama"}, _IMAGES | {"model_type": "clip_vision_model"}),
    "mistral3": (
        {"model_type": "mistral", "head_dim": 16},
        _IMAGES | {"model_type": "pixtral", "head_dim": 16},
    ),
    "qwen2_5_vl": ({"rope_parameters": _SECTIONS}, _DEEP),
    "qwen3_vl": ({"head_dim": 16, "rope_parameters": _SECTIONS}, _DEEP | {"deepstack_visual_indexes": [0]}),
    "qwen3_5": (
        {"head_dim": 16, "layer_types": ["linear_attention", "full_attention"]}
        | {"linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 16}
        | {"linear_value_head_dim": 16},
        _DEEP,
    ),
}
"""What each of these wants for its text and for its pictures beside sizes."""
_BLOCK = 32


def make_seeing(name: str, folder: Path, tied: bool = False) -> Path:
    """A model that sees pictures and writes, as its own family stores it."""
    torch.manual_seed(0)
    text, pictures = SEEING[name]
    tokenizer = make_tokenizer(CHATML)
    ends = {"bos_token_id": None, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    config = AutoConfig.for_model(
        name, text_config=_TEXT | ends | text, vision_config=pictures, tie_word_embeddings=tied
    )
    model: PreTrainedModel = AutoModelForImageTextToText.from_config(config).eval()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def pack_fp8(folder: Path) -> None:
    """Pack the linear layers' weights of a folder in blocks of eight bits, in its place."""
    weights = load_file(folder / "model.safetensors")
    for name, weight in list(weights.items()):
        if name.endswith("proj.weight"):
            rows, columns = weight.shape[0] // _BLOCK, weight.shape[1] // _BLOCK
            blocks = weight.float().reshape(rows, _BLOCK, columns, _BLOCK)
            scales = blocks.abs().amax((1, 3)) / torch.finfo(torch.float8_e4m3fn).max
            packed = (blocks / scales[:, None, :, None]).reshape(weight.shape).to(torch.float8_e4m3fn)
            weights |= {name: packed, f"{name}_scale_inv": scales}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    told = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [_BLOCK, _BLOCK]}
    tell_packing(folder, told)


def pack_mxfp4(folder: Path) -> None:
    """Give the experts of a gpt_oss folder random weights in blocks of four bits, in its place."""
    weights = load_file(folder / "model.safetensors")
    generator = torch.Generator().manual_seed(0)
    for name in list(weights):
        if name.endswith(("experts.gate_up_proj", "experts.down_proj")):
            experts, wide, rows = weights.pop(name).shape
            shape = (experts, rows, wide // 32)
            weights[f"{name}_blocks"] = torch.randint(0, 256, (*shape, 16), dtype=torch.uint8, generator=generator)
            weights[f"{name}_scales"] = torch.full(shape, 124, dtype=torch.uint8)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    tell_packing(folder, {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head", "model.embed_tokens"]})


def tell_packing(folder: Path, told: dict[str, Any]) -> None:
    """Write into a folder's configuration how its weights are packed."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"quantization_config": told}))
