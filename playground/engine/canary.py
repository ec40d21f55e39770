"""Proof of a swap: fixed prompts whose logits must change with an adapter and be the same bits without it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from playground.engine.lora import MultiLora
from playground.engine.lora_stack import LoraSegment
from playground.engine.model_runner import ModelRunner
from playground.protocol.messages import BASE

_PROMPTS = 3
_LENGTH = 8


class Canary:
    """Always runs alone, one prompt after another, with the number of threads it began with: the reference holds
    for the same shapes and threads only. Make it before the first adapter."""

    def __init__(self, runner: ModelRunner, lora: MultiLora, vocabulary: int) -> None:
        self._runner = runner
        self._lora = lora
        self._threads = torch.get_num_threads()
        order = torch.randperm(vocabulary, generator=torch.Generator().manual_seed(0))
        self._prompts = [
            order[(torch.arange(_LENGTH) + row * _LENGTH) % vocabulary].tolist() for row in range(_PROMPTS)
        ]
        self._prompts.append(self._prompts[0][:1])  # one token takes other kernels than several do
        self._reference = self._logits(BASE)

    def max_logit_change(self, adapter: str) -> float:
        """The largest change of any logit that the adapter makes: 0 when it does nothing, NaN when it overflows."""
        with_adapter = self._logits(adapter)
        pairs = zip(with_adapter, self._reference, strict=True)
        return float(torch.stack([(one.float() - other.float()).abs().max() for one, other in pairs]).max())

    def base_unchanged(self) -> bool:
        """Whether the base's logits equal, bit for bit, those from before any adapter."""
        return all(map(torch.equal, self._logits(BASE), self._reference))

    @torch.inference_mode()
    def _logits(self, adapter: str) -> list[torch.Tensor]:
        """(T, V) of each prompt."""
        found = []
        for prompt in self._prompts:
            with _threads(self._threads), self._lora.applied([LoraSegment(adapter, 1.0, len(prompt))]):
                found.append(self._runner.logits(prompt).clone())
        return found


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    if count != before:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if count != before:
            torch.set_num_threads(before)
