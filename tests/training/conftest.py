"""One short run that the tests of training share: to make one takes a minute."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from playground.data_dir import DataDir
from playground.training.jobs.queue import JobQueue
from playground.training.jobs.state import JobState
from tests.support.training_runs import PATIENCE_S, SHORT, Room


@dataclass
class Finished:
    room: Room
    jobs: JobQueue
    job_id: str
    refused: list[JobState]
    resumed: list[JobState]


@pytest.fixture(scope="package")
def finished(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    """One short run, followed to its end; the app refuses its result at first, and it is resumed."""
    room = Room(tmp_path_factory.mktemp("finished"), tiny_model_folder, refuse=True)
    jobs = room.open()
    job_id = room.start(jobs, SHORT)

    async def follow() -> list[JobState]:
        return [state async for state in jobs.follow("ann", job_id)]

    refused = asyncio.run(asyncio.wait_for(follow(), PATIENCE_S))
    assert (DataDir(room.root).jobs("ann") / job_id / "adapter" / "adapter_config.json").exists()
    room.refuse = False
    jobs.resume("ann", job_id)
    yield Finished(room, jobs, job_id, refused, asyncio.run(asyncio.wait_for(follow(), PATIENCE_S)))
    jobs.close()
