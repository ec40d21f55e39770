"""The order in which rows are learnt: mixed anew in each epoch, with rows of about one length in a batch."""

import random
from collections.abc import Iterator, Sequence

from torch.utils.data import Sampler

_JITTER = 0.15
"""By how much of its length a row may move up or down, so that its neighbours change from epoch to epoch."""


class LengthSampler(Sampler[int]):
    """Places of rows, to be cut into batches of `batch_size`. The order is a function of seed and epoch alone, so that
    a resume finds it again."""

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        mixed = random.Random(f"{self._seed} {self._epoch}")
        moved = [length * mixed.uniform(1 - _JITTER, 1 + _JITTER) for length in self._lengths]
        order = sorted(range(len(moved)), key=moved.__getitem__)
        whole, rest = divmod(len(order), self._batch_size)
        cut = self._batch_size * mixed.randint(0, whole)
        last, order = order[cut : cut + rest], order[:cut] + order[cut + rest :]  # the batch that is not full
        batches = [order[start : start + self._batch_size] for start in range(0, len(order), self._batch_size)]
        mixed.shuffle(batches)
        return iter([place for batch in [*batches, last] for place in batch])
