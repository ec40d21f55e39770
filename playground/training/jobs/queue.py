"""Training runs: each belongs to an owner, one trains at a time, and all survive the app that started them."""

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from playground import telemetry
from playground.data_dir import DataDir
from playground.errors import BusyError, InputError, PlaygroundError
from playground.process import STOP_FILE
from playground.protocol.model import Quantization
from playground.threads import quick
from playground.training.config import TrainingConfig
from playground.training.jobs.events import FINISHED, Event
from playground.training.jobs.job import (
    GONE,
    INTERRUPTED,
    Job,
    is_left_over,
    remove_job,
    write_failure_as_error,
    write_job,
)
from playground.training.jobs.job_store import JobStore
from playground.training.jobs.runner import JobHooks, JobRunner
from playground.training.jobs.state import JobState
from playground.training.jobs.waiting_line import WaitingLine
from playground.training.spec import StoredExamples, TrainingSpec

log = logging.getLogger(__name__)

MAX_WAITING_JOBS = 20
MAX_JOBS_PER_OWNER = 3
MAX_RUN_S = 3600.0
"""On a shared server a run ends after so long, and keeps what it learnt; a resume lets the others go first."""
MAX_SHARED_RUN_S = 1200.0
"""Where somebody else waits."""
MAX_LEAVING_S = 60.0
"""How long a running one may take to let go of everything, once it is to be removed."""
_FOLLOW_S = 0.2


class JobQueue:
    """All runs, each in a folder of its own. Thread-safe. Unknown and foreign ids raise the same `InputError`.

    After `longest_run_s` seconds, if any, a run is stopped as if its owner had asked; while somebody from another
    address waits, after `shared_run_s`. Then the server is a shared one, and only one run of an address may wait.
    """

    def __init__(
        self,
        data: DataDir,
        hooks: JobHooks,
        longest_run_s: float | None = None,
        shared_run_s: float = MAX_SHARED_RUN_S,
    ) -> None:
        self._data = data
        self._hooks = hooks
        self.longest_run_s = longest_run_s
        self._changed = threading.Condition(threading.RLock())
        self._shared_run_s = shared_run_s
        self._waiting = WaitingLine()
        self._running: Job | None = None
        self._running_address = ""
        self._runner = JobRunner(hooks, self._longest_now_s)
        self._closing = False
        self._store = JobStore(data)
        for job in self._store.all():
            if is_left_over(job):
                self._store.settle(job, INTERRUPTED)
        for owner in {job.owner for job in self._store.all()}:
            self._store.forget_old(owner, hooks.is_needed)
        self._thread = threading.Thread(target=self._work, name="training", daemon=True)
        self._thread.start()

    def start(
        self,
        owner: str,
        name: str,
        examples: tuple[StoredExamples, StoredExamples],
        values: TrainingConfig,
        *,
        model: str,
        quantization: Quantization,
        base_fingerprint: str,
        model_name: str = "",
        probes: Sequence[str] = (),
        address: str = "",
    ) -> str:
        """Queue a run over (train, held-out) examples; returns its id. Without an `address` its owner is one.

        Raises `InputError` for too few examples, `BusyError` when too many runs are waiting, `TrainingError` when the
        disk is full.
        """
        train, held_out = examples
        if train.count < 2:
            raise InputError("There are fewer than 2 examples to learn from. Add more rows.")
        spec = TrainingSpec(
            job_id=secrets.token_hex(8),
            owner=owner,
            name=name,
            model=model,
            quantization=quantization,
            base_fingerprint=base_fingerprint,
            created=round(time.time(), 3),
            values=values,
            probes=tuple(probes),
            model_name=model_name,
        )
        job = Job(spec, self._data.jobs(owner) / spec.job_id)
        address = address or owner
        with self._changed:
            self._check_room(owner, address)
        write_job(job, train, held_out)  # takes its time, in which nobody is to wait for the lock
        try:
            with self._changed:
                self._check_room(owner, address)
                self._enqueue(job, address)
                self._store.add(job)
        except PlaygroundError:
            remove_job(job)
            raise
        return spec.job_id

    def job(self, owner: str, job_id: object) -> Job:
        """Find a run; raises `InputError` for one that is not there or belongs to somebody else."""
        return self._store.find(owner, job_id)

    def get(self, owner: str, job_id: object) -> JobState:
        return self._store.state(self.job(owner, job_id))

    def events(self, owner: str, job_id: object, after: int = 0) -> Sequence[Event]:
        """The run's events but the first `after` ones."""
        return self.job(owner, job_id).log.read(after)

    async def follow(self, owner: str, job_id: object) -> AsyncIterator[JobState]:
        """Yield where the run stands, now and whenever that changes, until it is finished, or removed."""
        job = self.job(owner, job_id)
        seen: object = None
        while job in self._store:
            now = job.log.size(), self._store.unwritten(job)
            if now != seen:
                seen = now
                state = await quick.run(self._store.state, job)
                yield state
                if state["state"] in FINISHED:
                    return
            await asyncio.sleep(_FOLLOW_S)

    def stop(self, owner: str, job_id: object) -> None:
        """End a run: at once while it waits, otherwise after the running step, keeping what was learnt."""
        job = self.job(owner, job_id)
        with self._changed:
            if job in self._waiting:
                self._waiting.remove(job)
                self._store.settle(job, Event("stopped", "Stopped before it began.", settled=True))
            elif job == self._running:
                (job.folder / STOP_FILE).touch()

    def resume(self, owner: str, job_id: object, address: str = "") -> None:
        """Queue a stopped, failed or interrupted run again; it goes on from its newest whole checkpoint.

        Raises `InputError` when there is nothing to resume, `BusyError` when too many runs are waiting.
        """
        job = self.job(owner, job_id)
        with self._changed:
            state = self._store.state(job)
            if not state["can_resume"] or job == self._running:
                raise InputError(
                    "The training run '{name}' cannot be resumed: it is {state}.", name=job.name, state=state["state"]
                )
            if not job.folder.is_dir():
                raise InputError(GONE)
            self._check_room(owner, address or owner)
            self._enqueue(job, address or owner)

    def remove_all(self, owner: str) -> int:
        """End the owner's runs at once, keep nothing of any, and return how many there were; blocks.

        Raises `BusyError` where the running one does not let go; then its result may still come.
        """
        with self._changed:
            mine = self._store.of(owner)
            for job in mine:
                self._store.drop(job)
                self._waiting.remove(job)
            running = self._running if self._running and self._running.owner == owner else None
        if running is not None:
            self._runner.abandon(running)
        for job in mine:
            remove_job(job)
        with self._changed:
            if not self._changed.wait_for(lambda: self._running is None or self._running != running, MAX_LEAVING_S):
                raise BusyError("Your training run is just ending. Try again in a minute.")
        return len(mine)

    def move_all(self, owner: str, to: str) -> set[str]:
        """Give the runs of an owner that are over to another one; what goes on stays, and is returned by its ids."""
        with self._changed:
            over = [job for job in self._store.of(owner) if job != self._running and job not in self._waiting]
            for job in over:
                self._store.move(job, to)
            return {job.job_id for job in self._store.of(owner)}

    def close(self, grace_s: float = 4.0) -> None:
        """Stop the worker cleanly, or hard after `grace_s`; what was running can be resumed by the next app."""
        with self._changed:
            self._closing = True
            for job in self._waiting:
                self._store.settle(job, INTERRUPTED)
            self._waiting.clear()
            self._changed.notify_all()
        self._runner.close(grace_s)
        self._thread.join()

    def busy(self) -> bool:
        """Whether a run is training or waiting."""
        with self._changed:
            return self._running is not None or bool(self._waiting)

    def counts(self) -> tuple[int, int]:
        """How many runs train and how many wait."""
        with self._changed:
            return int(self._running is not None), len(self._waiting)

    def active_owners(self) -> set[str]:
        """Whose runs train or wait."""
        with self._changed:
            return {job.owner for job in (*self._waiting, *([self._running] if self._running else []))}

    def worker_pid(self) -> int | None:
        """The process that is training now."""
        return self._runner.pid()

    def list(self, owner: str) -> list[JobState]:
        """The owner's runs, newest first."""
        return [self._store.state(job) for job in self._store.of(owner)]

    def _check_room(self, owner: str, address: str) -> None:
        if self._closing:
            raise BusyError("The app is closing. Try again when it is back.")
        active = [*self._waiting, *([self._running] if self._running else [])]
        if sum(job.owner == owner for job in active) >= MAX_JOBS_PER_OWNER:
            raise BusyError(
                "You have {count} training runs going already. Wait for one to end.", count=MAX_JOBS_PER_OWNER
            )
        if self.longest_run_s is not None and address in self._waiting.addresses():
            raise BusyError("A training run from your network waits already. Start this one once that one has begun.")
        if len(self._waiting) >= MAX_WAITING_JOBS:
            raise BusyError("{count} training runs are waiting already. Try again later.", count=MAX_WAITING_JOBS)

    def _longest_now_s(self) -> float | None:
        """How long the running one may take, as things are."""
        if self.longest_run_s is None:
            return None
        with self._changed:
            shared = bool(self._waiting.addresses() - {self._running_address})
        return min(self.longest_run_s, self._shared_run_s) if shared else self.longest_run_s

    def _enqueue(self, job: Job, address: str) -> None:
        busy = self._running is not None
        waiting = Event("waiting", "Waiting for another training run to end…" if busy else "Waiting to begin…")
        with write_failure_as_error(job):
            (job.folder / STOP_FILE).unlink(missing_ok=True)
            job.log.write(waiting)
        self._store.reopen(job)
        self._waiting.add(job, address, job.work())
        self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                if self._closing:
                    return
                job, self._running_address = self._waiting.pop()
                self._running = job
            last = self._runner.run(job)
            with self._changed:
                self._running = None
                self._changed.notify_all()
                telemetry.TRAININGS.labels(last.state).inc()
                if job not in self._store:  # it was removed
                    continue
                self._store.settle(job, replace(last, settled=True))
                try:
                    self._store.forget_old(job.owner, self._hooks.is_needed)
                except Exception:  # the thread must outlive it, or no run would ever begin again
                    log.exception("the old runs beside %s could not be cleared away", job.job_id)
