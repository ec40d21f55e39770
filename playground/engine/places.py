"""Where the keys and values of running requests stand: a place for each in one table per layer."""

import torch

LENGTH_STEP = 64
"""Places grow by so many tokens at least."""


class Places:
    """Keys and values, for each layer (S, KV, L, D): S places, KV heads, L tokens, D numbers a head."""

    def __init__(self) -> None:
        self._layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._places = 0
        self._length = 0

    def reserve(self, places: int, length: int) -> None:
        """Make room for so many places of so many tokens, keeping what is there."""
        if places <= self._places and length <= self._length:
            return
        if places > self._places:
            self._places = max(places, 2 * self._places)
        if length > self._length:
            self._length = -(-max(length, self._length * 5 // 4) // LENGTH_STEP) * LENGTH_STEP
        self._layers = {
            index: (self._grown(keys), self._grown(values)) for index, (keys, values) in self._layers.items()
        }

    def layer(self, index: int, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The keys and values of a layer; `like` is (KV, T, D)."""
        if index not in self._layers:
            shape = self._places, like.shape[0], self._length, like.shape[2]
            self._layers[index] = like.new_zeros(shape), like.new_zeros(shape)  # masked or not, NaN would spread
        return self._layers[index]

    def move(self, source: int, target: int, length: int) -> None:
        """Put what stands at one place at another."""
        for tables in self._layers.values():
            for table in tables:
                table[target, :, :length] = table[source, :, :length]

    def swap(self, one: int, other: int, length: int) -> None:
        """Exchange what stands at two places."""
        for tables in self._layers.values():
            for table in tables:
                table[[one, other], :, :length] = table[[other, one], :, :length]

    def trim(self, places: int, length: int) -> None:
        """Give back the memory of all but so many places of so many tokens."""
        self._places, self._length = places, length
        for index, (keys, values) in self._layers.items():
            self._layers[index] = keys[:places, :, :length].clone(), values[:places, :, :length].clone()

    def _grown(self, table: torch.Tensor) -> torch.Tensor:
        grown = table.new_zeros(self._places, table.shape[1], self._length, table.shape[3])
        grown[: table.shape[0], :, : table.shape[2]] = table
        return grown
