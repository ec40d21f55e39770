"""The output head: the largest matrix of a small model, and the only one of which few numbers matter.

Where one token or a few are asked for, a 4-bit copy tells which words are likely, and their logits are computed again
from the head itself. So what is chosen from is exact; only what hardly counts, the sum over all other words, is not.
"""

import torch
from torch import nn

from playground.engine.layers.kernels import NF4_LEVELS, PackedNF4
from playground.engine.layers.linear import Choice, MergedLinear
from playground.models.quantization import BLOCK, ROWS

NUM_LIKELY = 512
"""So many logits are computed again: twice what the least careful sampling reaches on real text."""
_MANY = 16
"""A head has to have so many times more rows for a copy to be worth it."""
_CHUNK_ROWS = 4096


class OutputHead:
    """Logits (N, V) of states (N, hidden)."""

    def __init__(self, module: nn.Linear) -> None:
        self.layer = MergedLinear({"lm_head": module})
        self.quick: PackedNF4 | None = None
        self._quick_up_to = 0
        self._weight, self._bias = module.weight.data, None if module.bias is None else module.bias.data

    @property
    def can_be_quick(self) -> bool:
        """Whether a 4-bit copy of it could be multiplied with here, and would spare something."""
        rows, wide = self._weight.shape
        fits = PackedNF4.supported(self._weight.dtype) and rows % ROWS == 0 and wide % BLOCK == 0
        return fits and self._weight.device.type == "cpu" and rows >= _MANY * NUM_LIKELY

    def use(self, choice: Choice | None, quick_up_to: int) -> None:
        """Multiply like this from now on, by way of a 4-bit copy for at most so many tokens."""
        if choice:
            self.layer.use(choice, keep=True)  # it may be the embedding too, and its rows are asked for one by one
        self._quick_up_to = quick_up_to
        self.quick = self.nf4_copy() if quick_up_to else None

    def __call__(self, states: torch.Tensor, exact: bool = True) -> torch.Tensor:
        """`exact`: every logit counts, not only the likeliest."""
        if exact or self.quick is None or len(states) > self._quick_up_to:
            return self.layer(states)
        return self.refined(self.quick, states)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """As the module's own: `states` (…, hidden)."""
        return self.layer.forward_part(0, states)

    def refined(self, quick: PackedNF4, states: torch.Tensor) -> torch.Tensor:
        """Logits by `quick`, the likeliest of them exact."""
        logits = quick(states)
        likely = logits.topk(NUM_LIKELY, sorted=False).indices
        rows = self._weight[likely.flatten()].view(*likely.shape, -1)
        exact = (rows @ states[:, :, None])[:, :, 0]
        return logits.scatter_(1, likely, exact if self._bias is None else exact + self._bias[likely])

    def nf4_copy(self) -> PackedNF4:
        """A 4-bit copy, good for finding the likely words: scaled numbers are rounded to 16 bits and looked up, which
        is eight times as fast as bitsandbytes' quantization."""
        bits = torch.arange(2**16, dtype=torch.int32).to(torch.int16).view(torch.bfloat16)
        middles = (NF4_LEVELS[1:] + NF4_LEVELS[:-1]) / 2
        levels = torch.bucketize(bits.float().nan_to_num(), middles).to(torch.uint8)
        packed, scales = [], []
        for rows in torch.split(self._weight, _CHUNK_ROWS):
            blocks = rows.view(-1, BLOCK)
            absmax = blocks.abs().amax(1, keepdim=True).clamp_min(torch.finfo(torch.bfloat16).tiny)
            index = (blocks / absmax).view(torch.int16).to(torch.int32) & 0xFFFF
            found = levels[index.flatten()].view(-1, 2)
            packed.append((found[:, 0] << 4 | found[:, 1]).view(len(rows), -1))
            scales.append(absmax.view(len(rows), -1))
        return PackedNF4.of_rows(torch.cat(packed), torch.cat(scales), self._bias)
