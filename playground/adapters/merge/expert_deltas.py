"""What an adapter on experts adds to their weights as the files hold them: each by itself, or all in one.

transformers knows how it takes a parameter of experts apart when it stores a model. It is asked to do so with B in the
place of the weight, and the number of the expert beside it: so the parts tell which rows of which expert they are.
"""

from collections.abc import Iterator

import torch
from transformers import PreTrainedModel
from transformers.core_model_loading import revert_weight_conversion

from playground.adapters.lora_load import LoraLayerWeights

Factors = tuple[torch.Tensor, torch.Tensor]
"""left (R, r) and right (r, C), whose product a weight of R rows and C columns grows by; with the experts as a first
axis where they are stored together."""


def expert_factors(name: str, weights: LoraLayerWeights, frame: PreTrainedModel) -> Iterator[tuple[str, Factors]]:
    """By the weights' names in the files of a model that is built as `frame`."""
    module = frame.get_submodule(name.rpartition(".")[0])
    if module.is_transposed:
        yield name, (weights.A.transpose(1, 2), weights.B.transpose(1, 2) * weights.scaling)
        return
    numbers = torch.arange(len(weights.B), dtype=torch.float32)[:, None, None].expand(-1, weights.B.shape[1], 1)
    marked = torch.cat((weights.B * weights.scaling, numbers), -1)
    for stored, part in revert_weight_conversion(frame, {name: marked}).items():
        if part.dim() == 3:
            yield stored, (part[..., :-1], weights.A)
        else:
            yield stored, (part[:, :-1], weights.A[int(part[0, -1])])
