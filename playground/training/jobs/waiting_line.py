"""Which training run is next: the shortest, but none is passed over again and again."""

from collections.abc import Iterator
from dataclasses import dataclass

from playground.training.jobs.job import Job

MAX_PASSED_OVER = 3
"""After so many shorter ones it is its turn."""


@dataclass(slots=True)
class _Place:
    job: Job
    address: str
    work: float
    passed_over: int = 0


class WaitingLine:
    """Not thread-safe: the queue guards it with its own lock."""

    def __init__(self) -> None:
        self._places: list[_Place] = []

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Job]:
        return (place.job for place in self._places)

    def addresses(self) -> set[str]:
        """Where those who wait came from."""
        return {place.address for place in self._places}

    def add(self, job: Job, address: str, work: float) -> None:
        """`work` is how much there is to do, in any unit that all share."""
        self._places.append(_Place(job, address, work))

    def remove(self, job: Job) -> None:
        self._places = [place for place in self._places if place.job != job]

    def pop(self) -> tuple[Job, str]:
        """Take out who is next, with its address."""
        place = min(self._places, key=lambda one: (-(one.passed_over >= MAX_PASSED_OVER), one.work))
        for other in self._places[: self._places.index(place)]:
            other.passed_over += 1
        self._places.remove(place)
        return place.job, place.address

    def clear(self) -> None:
        self._places.clear()
