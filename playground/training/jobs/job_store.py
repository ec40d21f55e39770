"""All runs that there are, of all owners, each in a folder of its own: found, told of, moved and removed."""

import logging
from collections.abc import Callable
from dataclasses import replace

from playground.data_dir import DataDir
from playground.errors import InputError
from playground.training.jobs.events import FINISHED, Event
from playground.training.jobs.job import Job, find_jobs, remove_job
from playground.training.jobs.state import JobState

log = logging.getLogger(__name__)

MAX_KEPT_JOBS = 20
"""So many of an owner's ended runs stay, and those whose adapter is still there."""

Jobs = list[Job]


class JobStore:
    """What changes it is guarded by the queue's lock; whoever reads it need not wait."""

    def __init__(self, data: DataDir) -> None:
        self._data = data
        self._jobs = {job.job_id: job for job in find_jobs(data)}
        self._unwritten: dict[str, Event] = {}
        """Last words that the disk had no room for."""

    def __contains__(self, job: Job) -> bool:
        return job.job_id in self._jobs

    def all(self) -> Jobs:
        return list(self._jobs.values())

    def of(self, owner: str) -> Jobs:
        """The owner's, newest first."""
        mine = [job for job in self.all() if job.owner == owner]
        return sorted(mine, key=lambda job: -job.spec.created)

    def find(self, owner: str, job_id: object) -> Job:
        """Raises `InputError` for one that is not there or belongs to somebody else."""
        job = self._jobs.get(job_id) if isinstance(job_id, str) else None
        if job is None or job.owner != owner:
            raise InputError("There is no training run '{job_id}' of yours.", job_id=str(job_id)[:40])
        return job

    def add(self, job: Job) -> None:
        self._jobs[job.job_id] = job

    def drop(self, job: Job) -> None:
        """Know nothing of it any more; its folder stays."""
        self._jobs.pop(job.job_id, None)
        self._unwritten.pop(job.job_id, None)

    def state(self, job: Job) -> JobState:
        unwritten = self.unwritten(job)
        return job.state(*([unwritten] if unwritten else []))

    def unwritten(self, job: Job) -> Event | None:
        return self._unwritten.get(job.job_id)

    def settle(self, job: Job, last: Event) -> None:
        """Write a run's last words; on a full disk they are kept here, so that whoever watches is told."""
        try:
            job.log.write(last)
        except OSError:
            log.exception("the end of the run %s could not be written", job.job_id)
            self._unwritten[job.job_id] = last

    def reopen(self, job: Job) -> None:
        """It goes on: what its last words were counts no more."""
        self._unwritten.pop(job.job_id, None)

    def move(self, job: Job, to: str) -> None:
        """Give a run that is over to another owner, by a single rename: it is always somebody's, and whole."""
        moved = Job(replace(job.spec, owner=to), self._data.jobs(to) / job.job_id)
        moved.spec.save(job.folder)
        moved.folder.parent.mkdir(parents=True, exist_ok=True)
        job.folder.rename(moved.folder)
        self._jobs[job.job_id] = moved

    def forget_old(self, owner: str, is_needed: Callable[[Job], bool]) -> None:
        """Delete the owner's oldest ended runs beyond `MAX_KEPT_JOBS`."""
        ended = [job for job in self.of(owner) if self.state(job)["state"] in FINISHED]
        for job in ended[MAX_KEPT_JOBS:]:
            if not is_needed(job):
                remove_job(job)
                self.drop(job)
