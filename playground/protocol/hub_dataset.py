"""A set of data of the Hugging Face hub, as it is told before anything of it is fetched."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from playground.errors import DataError
from playground.sentence import N_, Sentence


class _Part(Protocol):
    @property
    def name(self) -> str: ...


Part = TypeVar("Part", bound=_Part)


@dataclass(frozen=True, slots=True)
class HubSplit:
    """`files` are addresses with sizes in bytes, all of one `kind`; `rows` is 0 where nobody said how many."""

    name: str
    kind: str
    files: tuple[tuple[str, int], ...]
    rows: int = 0

    @property
    def size(self) -> int:
        return sum(size for _, size in self.files)


@dataclass(frozen=True, slots=True)
class HubConfiguration:
    name: str
    splits: tuple[HubSplit, ...]


@dataclass(frozen=True, slots=True)
class HubDataset:
    id: str
    license: str
    gated: bool
    configurations: tuple[HubConfiguration, ...]

    def find(self, configuration: str = "", split: str = "") -> tuple[HubConfiguration, HubSplit]:
        """The ones of these names; "" stands for the first one, and for "train". Raises `DataError` with the names."""
        chosen = _named(N_("configuration"), configuration, self.configurations, self.configurations[0])
        train = next((one for one in chosen.splits if one.name == "train"), chosen.splits[0])
        return chosen, _named(N_("split"), split, chosen.splits, train)


def _named(part: str, name: str, known: Sequence[Part], first: Part) -> Part:
    if not name:
        return first
    for one in known:
        if one.name == name:
            return one
    raise DataError(
        "There is no {part} '{name}'. There are: {known}.",
        part=Sentence(part),
        name=name[:60],
        known=", ".join(one.name for one in known[:20]),
    )
