"""The decoder of the Llama family in few, large operations: query, key and value in one product, gate and up in one,
rotary tables once for all layers, the norm and the head only where logits are asked for.

It computes what transformers' own code does on the same weights, but for rounding.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from torch.nn.functional import rms_norm
from transformers import PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from playground.engine.attention import QKV, AttentionParams
from playground.engine.forward_batch import ForwardBatch
from playground.engine.layers.linear import MergedLinear

FAMILIES = frozenset({"llama", "mistral", "qwen2", "qwen3", "smollm3"})
"""Values of `model_type` whose layers are built like that."""
_QKV = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
_GATE_UP = ("mlp.gate_proj", "mlp.up_proj")

Parts = Mapping[str, tuple[MergedLinear, int]]
"""Of each linear layer, by its name in the model: whose part it is, and which."""
Head = Callable[[torch.Tensor, bool], torch.Tensor]
"""Logits of states; and whether all of them count, not only the likeliest."""


def merged_names(model: PreTrainedModel) -> list[tuple[str, ...]]:
    """Which linear layers of a model of the family read the same input."""
    layers = [f"model.layers.{index}." for index in range(model.config.num_hidden_layers)]
    return [tuple(layer + part for part in parts) for layer in layers for parts in (_QKV, _GATE_UP)]


@dataclass(frozen=True, slots=True)
class _Norm:
    """RMS norm over the last axis. Source: Zhang and Sennrich 2019."""

    weight: torch.Tensor
    eps: float

    @classmethod
    def of(cls, module: nn.Module) -> "_Norm":
        return cls(cast(torch.Tensor, module.weight.data), float(cast(Any, module).variance_epsilon))

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        return rms_norm(states, self.weight.shape, self.weight, self.eps)


@dataclass(frozen=True, slots=True)
class Rotary:
    """Rotary tables for the tokens of a pass, both (T, 1, D); the sine's first half is negated."""

    cos: torch.Tensor
    sin: torch.Tensor

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Turn `states` (T, H, D)."""
        half = states.shape[-1] // 2
        return states * self.cos + states.roll(half, -1) * self.sin


class DecoderLayer:
    """Attention and MLP of one layer."""

    def __init__(self, index: int, module: Any, parts: Parts, config: Any) -> None:
        attention, prefix = module.self_attn, f"model.layers.{index}."
        self._index = index
        self._input_norm, self._mlp_norm = _Norm.of(module.input_layernorm), _Norm.of(module.post_attention_layernorm)
        self._qkv, self._gate_up = parts[prefix + _QKV[0]][0], parts[prefix + _GATE_UP[0]][0]
        self._o, self._down = parts[prefix + "self_attn.o_proj"][0], parts[prefix + "mlp.down_proj"][0]
        self._head_dim = attention.head_dim
        self._num_heads = self._qkv.out_features[0] // self._head_dim
        self._num_rotated = self._num_heads + self._qkv.out_features[1] // self._head_dim
        self._q_norm = _Norm.of(attention.q_norm) if hasattr(attention, "q_norm") else None
        self._k_norm = _Norm.of(attention.k_norm) if hasattr(attention, "k_norm") else None
        self._rotates = bool(getattr(attention, "use_rope", True))
        window = getattr(attention, "sliding_window", getattr(config, "sliding_window", None))
        self._params = AttentionParams(attention.scaling, window or 0, None)
        self._activation = module.mlp.act_fn

    def __call__(
        self, states: torch.Tensor, rotary: Rotary, batch: ForwardBatch, kept: torch.Tensor | None = None
    ) -> torch.Tensor:
        """`states` (T, hidden), which it adds to; what comes after attention is computed for `kept` rows only."""
        heads = self._qkv(self._input_norm(states)).view(len(states), -1, self._head_dim)
        turned, value = heads[:, : self._num_rotated], heads[:, self._num_rotated :]
        if self._q_norm and self._k_norm:
            query, key = turned[:, : self._num_heads], turned[:, self._num_heads :]
            turned = torch.cat((self._q_norm(query), self._k_norm(key)), 1)
        if self._rotates:
            turned = rotary(turned)
        query, key = turned[:, : self._num_heads], turned[:, self._num_heads :]
        qkv = QKV(query.transpose(0, 1), key.transpose(0, 1), value.transpose(0, 1))
        attended = batch.attend(self._index, qkv, self._params).flatten(1)
        if kept is not None:
            states, attended = states[kept], attended[kept]
        states += self._o(attended)
        gate_up = self._gate_up(self._mlp_norm(states))
        width = gate_up.shape[1] // 2
        states += self._down(self._activation(gate_up[:, :width]) * gate_up[:, width:])
        return states


class FusedDecoder:
    """Stands in for `forward` of a model of the family, for passes that come with a `ForwardBatch`."""

    def __init__(self, model: PreTrainedModel, parts: Parts, head: Head) -> None:
        decoder = cast(Any, model).model
        self._embed, self._rotary = decoder.embed_tokens, decoder.rotary_emb
        self._layers = [DecoderLayer(i, one, parts, model.config) for i, one in enumerate(decoder.layers)]
        self._norm, self._head = _Norm.of(decoder.norm), head

    def forward(
        self,
        *,
        input_ids: torch.Tensor,
        position_ids: torch.Tensor,
        logits_to_keep: torch.Tensor | int,
        forward_batch: ForwardBatch,
        **_: object,
    ) -> CausalLMOutput:
        """As the model's own, for one row: logits (1, kept, V)."""
        states = self.normed_states(input_ids, position_ids, logits_to_keep, forward_batch)
        return CausalLMOutput(logits=self._head(states, forward_batch.exact_logits)[None])

    def normed_states(
        self,
        input_ids: torch.Tensor,
        position_ids: torch.Tensor,
        logits_to_keep: torch.Tensor | int,
        forward_batch: ForwardBatch,
    ) -> torch.Tensor:
        """(kept, hidden) that the head makes logits of."""
        states = self._embed(input_ids[0])
        cos, sin = self._rotary(states, position_ids)
        half = sin.shape[-1] // 2
        rotary = Rotary(cos[0, :, None], torch.cat((-sin[0, :, None, :half], sin[0, :, None, half:]), -1))
        for layer in self._layers[:-1]:
            states = layer(states, rotary, forward_batch)
        kept = None if isinstance(logits_to_keep, int) else logits_to_keep
        return self._norm(self._layers[-1](states, rotary, forward_batch, kept))
