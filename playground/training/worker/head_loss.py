"""The output head and the loss on the CPU, for the tokens that are learnt alone.

TRL's own takes every position of a batch through the head there, multiplies in fp32 on the way back, and computes each
logit twice. The head of a vocabulary of 150,000 is the largest matrix of a small model, and of a chat a third of the
tokens is learnt.
"""

import types
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from trl.trainer.utils import FusedCausalLMOutput

from playground.training.tokenization import IGNORE_INDEX

_CHUNK_VALUES = 2**25
"""Logits at a time, 128 MiB of them."""
_PROBE = 8


class HeadLogProbs(torch.autograd.Function):
    """Log-probabilities [N] of the labels [N] after the states [N, H], and which of them are the most likely token.

    The gradient is computed with them, as long as the logits are there; the head itself learns nothing.
    """

    @staticmethod
    def forward(
        ctx: Any, states: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        log_probs = torch.empty(len(labels), dtype=torch.float32)
        is_top1 = torch.empty(len(labels), dtype=torch.bool)
        gradient = torch.empty_like(states) if ctx.needs_input_grad[0] else None
        rows = max(1, _CHUNK_VALUES // len(weight))
        for start in range(0, len(labels), rows):
            part = slice(start, start + rows)
            wanted = labels[part, None]
            every = nn.functional.linear(states[part], weight, bias).log_softmax(-1, dtype=torch.float32)
            mine = every.gather(1, wanted)
            log_probs[part] = mine[:, 0]
            is_top1[part] = mine[:, 0] >= every.amax(-1)
            if gradient is not None:
                missing = every.exp_().neg_().scatter_add_(1, wanted, torch.ones_like(mine))
                gradient[part] = missing.to(weight.dtype) @ weight
        ctx.save_for_backward(gradient)
        ctx.mark_non_differentiable(is_top1)
        return log_probs, is_top1

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor, _: object) -> tuple[torch.Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * grad[:, None].to(gradient.dtype), None, None, None


def use_head_loss(model: PreTrainedModel) -> bool:
    """Let the model compute its loss so, where its logits are the head's product and nothing else; returns whether.

    Call after TRL has put its own in place, which goes on for models that bend their logits, and on GPUs, where it is
    fast.
    """
    head = model.get_output_embeddings()
    if model.device.type != "cpu" or not isinstance(head, nn.Linear) or not _is_plain(model, head):
        return False
    theirs = model.forward

    def forward(
        self: PreTrainedModel, *args: Any, fused_lm_head: bool = False, labels: Any = None, **given: Any
    ) -> object:
        if not fused_lm_head:
            return theirs(*args, **({} if labels is None else {"labels": labels}), **given)
        given.pop("num_items_in_batch", None)
        states = self.base_model(*args, **given | {"use_cache": False}).last_hidden_state[:, :-1]
        mask = labels[:, 1:] != IGNORE_INDEX
        log_probs, is_top1 = HeadLogProbs.apply(  # type: ignore[no-untyped-call]
            states[mask], head.weight, head.bias, labels[:, 1:][mask]
        )
        return FusedCausalLMOutput(
            log_probs=log_probs, entropy=torch.zeros(1), is_top1=is_top1, label_mask=mask, loss=-log_probs.mean()
        )

    model.forward = types.MethodType(forward, model)
    return True


@torch.no_grad()
def _is_plain(model: PreTrainedModel, head: nn.Linear) -> bool:
    ids = torch.arange(_PROBE)[None]
    states = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
    return torch.equal(head(states), type(model).forward(model, input_ids=ids, use_cache=False).logits)
