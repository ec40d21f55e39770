"""Training runs in real worker processes, over a folder of their own, and waiting on what becomes of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from playground.data.examples import Example
from playground.data_dir import DataDir
from playground.errors import AdapterError
from playground.training.config import TrainingConfig
from playground.training.jobs.events import FINISHED
from playground.training.jobs.job import Job
from playground.training.jobs.queue import JobHooks, JobQueue
from playground.training.jobs.state import JobState
from playground.training.spec import StoredExamples

SHORT = TrainingConfig(max_steps=6, r=4, lora_alpha=8, learning_rate=1e-2, per_device_train_batch_size=4)
LONG = TrainingConfig(max_steps=300, r=4, lora_alpha=8, learning_rate=1e-4, per_device_train_batch_size=4)
PATIENCE_S = 120.0


@dataclass
class Room:
    """Jobs over one folder, with an app that notes what it is told."""

    root: Path
    model: Path
    published: list[Path] = field(default_factory=list)
    checkpoints: list[Path] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)
    refuse: bool = False

    def open(self, longest_run_s: float | None = None) -> JobQueue:
        return JobQueue(
            DataDir(self.root),
            JobHooks(
                on_trained=self._publish,
                on_worker_start=lambda: self.beside.append("start"),
                on_worker_end=lambda: self.beside.append("end"),
                on_checkpoint=lambda _job, folder: self.checkpoints.append(folder),
            ),
            longest_run_s,
        )

    def start(
        self, jobs: JobQueue, values: TrainingConfig, owner: str = "ann", model: str | None = None, address: str = ""
    ) -> str:
        return jobs.start(
            owner,
            "Animals",
            stored(),
            values,
            model=model or str(self.model),
            quantization="auto",
            base_fingerprint="",
            address=address,
        )

    def _publish(self, _job: Job, folder: Path) -> str:
        if self.refuse:
            raise AdapterError("You have {count} adapters, the most there can be.", count=3)
        self.published.append(folder)
        return f"adapter-{len(self.published)}"


def wait_for(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)


def wait_until_finished(jobs: JobQueue, job_id: str, owner: str = "ann") -> JobState:
    wait_for(lambda: jobs.get(owner, job_id)["state"] in FINISHED)
    return jobs.get(owner, job_id)


def worker_of(jobs: JobQueue) -> int:
    wait_for(lambda: jobs.worker_pid() is not None)
    pid = jobs.worker_pid()
    assert pid is not None
    return pid


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def stored() -> tuple[StoredExamples, StoredExamples]:
    """To train on, and set aside."""
    return StoredExamples.of(examples()[:9]), StoredExamples.of(examples()[9:])


def examples() -> list[Example]:
    animals = ("dog", "cat", "bird", "fish", "horse", "mouse", "cow", "hen", "duck", "goat", "bee", "ant")
    return [
        Example(
            ({"role": "user", "content": f"Where is the {name}?"}, {"role": "assistant", "content": f"{name} here"}),
            None,
            row,
        )
        for row, name in enumerate(animals, 1)
    ]
