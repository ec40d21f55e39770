"""How large a model is in memory and on its way to a token, by a few numbers of its config.json."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playground.protocol.model import Quantization

_4BIT = 4.5 / 8
"""Bytes a weight: 4 bits, and a scale in fp32 for each block of 64."""
_ADAPTER_RANK = 16
_HALF = 2
_FULL = 4
_GATED = frozenset(
    "llama mistral ministral ministral3 qwen2 qwen3 smollm3 gemma gemma2 gemma3_text phi3 granite olmo2 olmo3 glm4 "
    "seed_oss hunyuan_v1_dense ernie4_5 exaone4 helium cohere2".split()
)
"""Values of `model_type` whose layers are attention and an MLP of three matrices, so that they can be counted."""


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What sizes are computed from. `tied`: the output head is the input embedding."""

    num_parameters: int
    vocab_size: int
    hidden_size: int
    num_layers: int
    num_kv_heads: int
    head_dim: int
    tied: bool
    expert_parameters: int = 0
    """Of those parameters, the ones of experts that are one parameter a layer: no kernel takes them in fewer bits."""
    experts_a_token: float = 1.0
    """Which share of them one token goes through."""

    @property
    def linear_parameters(self) -> int:
        """All but embedding and head; norms and biases, a thousandth of it, count as such."""
        return max(0, self.num_parameters - self.expert_parameters - self._table * (1 if self.tied else 2))

    def weights_bytes(self, quantization: Quantization, dtype_bytes: int = _HALF) -> int:
        """In memory; `dtype_bytes` is the width of what is not quantized, 4 on CPUs that compute in fp32."""
        rest = self.num_parameters - self.linear_parameters
        return int(self.linear_parameters * _linear_bytes(quantization, dtype_bytes)) + rest * dtype_bytes

    def cache_bytes(self, tokens: int, dtype_bytes: int = _HALF) -> int:
        """Keys and values of all layers; layers with a sliding window count as those without."""
        return 2 * self.num_layers * self.num_kv_heads * self.head_dim * tokens * dtype_bytes

    def adapter_bytes(self) -> int:
        """LoRA of rank 16 on all linear layers, in fp32.

        It has rank x (in + out) weights a matrix. A layer's seven matrices hold h(2q + 2kv + 3i) weights and their
        sides sum up to 7h + 2q + 2kv + 3i: so the widths q and i need not be known.
        """
        matrices = self.linear_parameters + self.expert_parameters
        layers = 7 * self.hidden_size * self.num_layers + matrices // self.hidden_size
        return layers * _ADAPTER_RANK * _FULL

    def bytes_a_token(self, quantization: Quantization, dtype_bytes: int = _HALF) -> int:
        """Weights that are read to write one token: every linear layer and the head, which is a matrix even where it
        is tied; of the input embedding only a row.

        A CPU that computes in fp32 reads 2 bytes a weight: the engine multiplies by copies in fp16 there.
        """
        experts = int(self.expert_parameters * self.experts_a_token) * dtype_bytes
        if dtype_bytes == _FULL:
            return (self.linear_parameters + self._table) * _HALF + experts
        linear = int(self.linear_parameters * _linear_bytes(quantization, dtype_bytes))
        return linear + self._table * dtype_bytes + experts

    @property
    def _table(self) -> int:
        return self.vocab_size * self.hidden_size


def shape_of(config: Mapping[str, Any], num_parameters: int | None) -> ModelShape | None:
    """Read a config.json, that of a model with a part for text too; None where it does not tell enough.

    Parameters are counted where they are not given and the model is built like Llama.
    """
    inner = config.get("text_config")
    text = inner if isinstance(inner, Mapping) else config
    vocab, hidden = _number(text, "vocab_size"), _number(text, "hidden_size", "n_embd")
    layers, heads = _number(text, "num_hidden_layers", "n_layer"), _number(text, "num_attention_heads", "n_head")
    head_dim = _number(text, "head_dim") or (hidden // heads if hidden and heads else None)
    kv_heads = _number(text, "num_key_value_heads") or heads
    if not (vocab and hidden and layers and kv_heads and head_dim):
        return None
    # where it is not written it is True: transformers writes what differs from that
    tied = text.get("tie_word_embeddings", config.get("tie_word_embeddings", True)) is not False
    table = vocab * hidden * (1 if tied else 2)
    if num_parameters is None:
        counted = _layer_parameters(text, hidden, heads, kv_heads, head_dim)
        num_parameters = counted and table + layers * counted + hidden
    if not num_parameters:
        return None
    experts, share = _experts(text, hidden, layers)
    experts = min(experts, max(0, num_parameters - table))
    return ModelShape(num_parameters, vocab, hidden, layers, kv_heads, head_dim, tied, experts, share)


def _experts(text: Mapping[str, Any], hidden: int, layers: int) -> tuple[int, float]:
    """How many parameters the experts of all layers have, three matrices each, and the share that a token uses."""
    many = _number(text, "num_local_experts", "num_experts", "n_routed_experts")
    width = _number(text, "moe_intermediate_size", "intermediate_size")
    used = _number(text, "num_experts_per_tok", "experts_per_token", "top_k")
    if not many or not width:
        return 0, 1.0
    dense = _number(text, "first_k_dense_replace") or 0
    return 3 * hidden * width * many * max(0, layers - dense), min(1.0, (used or many) / many)


def _layer_parameters(
    text: Mapping[str, Any], hidden: int, heads: int | None, kv_heads: int, head_dim: int
) -> int | None:
    """Of one layer as Llama has it: attention, MLP and two norms; None for another kind."""
    width = _number(text, "intermediate_size")
    if text.get("model_type") not in _GATED or not width or not heads:
        return None
    return 2 * hidden * head_dim * (heads + kv_heads) + 3 * hidden * width + 2 * hidden


def _linear_bytes(quantization: Quantization, dtype_bytes: int) -> float:
    if quantization == "none":
        return dtype_bytes
    return 1 if quantization == "8bit" else _4BIT


def _number(config: Mapping[str, Any], *names: str) -> int | None:
    """The first that is there; a stranger's file may hold anything in its place."""
    found = (config.get(name) for name in names)
    return next((one for one in found if isinstance(one, int) and not isinstance(one, bool) and one > 0), None)
