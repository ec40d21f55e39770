"""One run at a time in a worker process, from its start to its last event, and what the app does around it."""

import logging
import secrets
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from playground.errors import PlaygroundError
from playground.process import worker_threads
from playground.training.jobs.checkpoints import CHECKPOINTS_FOLDER
from playground.training.jobs.events import Event, failure
from playground.training.jobs.job import GONE, INTERRUPTED, Job
from playground.training.jobs.supervisor import WorkerProcess
from playground.training.spec import ADAPTER_FOLDER

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JobHooks:
    """What the app does around a run, all but `on_close` called in the thread that supervises it.

    `on_worker_start` and `on_worker_end` enclose the life of a worker process, and `threads` tells meanwhile how many
    CPU threads it may use; `on_trained(job, adapter_folder)` publishes the result and returns its id;
    `on_checkpoint(job, folder)` is handed each checkpoint, a PEFT adapter folder; `remark(job)` tells what its last
    message is to be instead of the worker's (`template` and `fields`), if anything; `is_needed(job)` tells whether an
    old run must stay, since its adapter is still there; `on_close` tells the others to come to an end soon.
    """

    on_trained: Callable[[Job, Path], str]
    on_worker_start: Callable[[], None] = lambda: None
    on_worker_end: Callable[[], None] = lambda: None
    on_checkpoint: Callable[[Job, Path], None] = lambda _job, _folder: None
    is_needed: Callable[[Job], bool] = lambda _job: False
    remark: Callable[[Job], dict[str, Any]] = lambda _job: {}
    threads: Callable[[], int] = worker_threads
    kept_bytes: Callable[[], int] = lambda: 0
    on_close: Callable[[], None] = lambda: None


class JobRunner:
    """Trains one job after the other; `run` is called in one thread, the rest in any."""

    def __init__(self, hooks: JobHooks, longest_run_s: Callable[[], float | None] = lambda: None) -> None:
        self._hooks = hooks
        self._longest_run_s = longest_run_s
        self._lock = threading.Lock()
        self._worker: WorkerProcess | None = None
        self._abandoned: Job | None = None
        self._closing = False

    def run(self, job: Job) -> Event:
        """Run one worker to its end and publish its result; returns the run's last event, whatever goes wrong."""
        try:
            last = self._train(job)
        except Exception as error:
            last = _failed(error, job)
        finally:
            with self._lock:
                self._worker = self._abandoned = None
        return last if job.folder.is_dir() else Event("failed", GONE)

    def close(self, grace_s: float) -> None:
        """Stop the worker cleanly, or hard after `grace_s`, and start none any more."""
        with self._lock:
            self._closing = True
            worker = self._worker
        self._hooks.on_close()
        if worker is not None:
            worker.close(grace_s)

    def abandon(self, job: Job) -> None:
        """End this job, which `run` was called with, at once: nothing of it is published."""
        with self._lock:
            self._abandoned = job
            worker = self._worker
        if worker is not None and worker.folder == job.folder:
            worker.close(0.0)

    def pid(self) -> int | None:
        """The process that is training now."""
        worker = self._worker
        return worker.pid if worker else None

    def _train(self, job: Job) -> Event:
        try:
            self._hooks.on_worker_start()
            with self._lock:
                if self._closing or self._abandoned == job:
                    return INTERRUPTED
                shutil.rmtree(job.folder / ADAPTER_FOLDER, ignore_errors=True)
                worker = self._worker = WorkerProcess(
                    job.folder, self._longest_run_s, self._hooks.threads, self._hooks.kept_bytes()
                )
            last = worker.watch(lambda event: self._pass_on(job, event))
        finally:
            self._hooks.on_worker_end()
        if self._closing or self._abandoned == job:
            return INTERRUPTED
        adapter = job.folder / ADAPTER_FOLDER
        if last.state in ("done", "stopped") and adapter.exists():
            last = replace(last, adapter=self._hooks.on_trained(job, adapter), **self._hooks.remark(job))
        if last.state == "done":
            shutil.rmtree(job.folder / CHECKPOINTS_FOLDER, ignore_errors=True)
        return last

    def _pass_on(self, job: Job, event: Event) -> None:
        if event.checkpoint is None or self._closing or self._abandoned == job:
            return
        try:
            self._hooks.on_checkpoint(job, job.folder / event.checkpoint)
        except Exception:
            # A look at a passing checkpoint is a courtesy; that it went wrong must not end the training.
            log.exception("the checkpoint %s of %s could not be looked at", event.checkpoint, job.job_id)


def _failed(error: Exception, job: Job) -> Event:
    if isinstance(error, PlaygroundError):
        log.info("the run %s failed: %s", job.job_id, error)
        return failure(error)
    log_id = secrets.token_hex(4)
    log.error("the run %s failed, id %s", job.job_id, log_id, exc_info=error)
    return Event(
        "failed",
        "The training run could not be finished; the details are in the server's log under {id}.",
        {"id": log_id},
    )
