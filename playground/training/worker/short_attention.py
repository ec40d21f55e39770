"""Attention for the short rows of a training on the CPU, as three plain products.

PyTorch's own attention is made for long rows: its way back takes five times as long as this for rows of 60 tokens, and
still twice for 256, while nothing is gained in memory that such rows need.
"""

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "playground_short"
MAX_TOKENS = 256
"""Longer rows are left to PyTorch: the shares of attention that are kept for the way back grow with their square."""
_OWN = ("softcap", "s_aux", "position_bias", "cache")


def use_short_attention(model: PreTrainedModel) -> None:
    """Let a model that attends by PyTorch's own function attend so where its rows are short."""
    if model.config._attn_implementation != "sdpa":
        return
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **given: Any,
) -> tuple[torch.Tensor, None]:
    """Query [B, H, T, D] over keys and values [B, H', T, D] to [B, T, H, D]; masks say where it may look."""
    length = query.shape[2]
    plain = not dropout and all(given.get(name) is None for name in _OWN) and getattr(module, "is_causal", False)
    if length > MAX_TOKENS or key.shape[2] != length or not plain:
        attended: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **given
        )
        return attended
    if attention_mask is None:
        attention_mask = torch.ones(length, length, dtype=torch.bool).tril_()
    if attention_mask.dtype == torch.bool:
        hidden = torch.finfo(query.dtype).min
        attention_mask = torch.zeros_like(attention_mask, dtype=query.dtype).masked_fill_(~attention_mask, hidden)
    groups = query.shape[1] // key.shape[1]
    key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    scores = (query * (query.shape[-1] ** -0.5 if scaling is None else scaling)) @ key.transpose(2, 3)
    shares = (scores + attention_mask).softmax(-1)
    return (shares @ value).transpose(1, 2).contiguous(), None
