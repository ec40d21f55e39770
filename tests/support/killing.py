"""Kills real training processes at chosen moments, and knows what must be true of what they leave."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from safetensors.numpy import load_file

from playground.training.jobs.checkpoints import CHECKPOINTS_FOLDER, MANIFEST, TMP_FOLDER, whole_checkpoints
from playground.training.jobs.events import FINISHED
from playground.training.jobs.queue import JobQueue
from playground.training.jobs.state import JobState

PATIENCE_S = 300.0


@dataclass(frozen=True)
class Kill:
    """`reached` is the newest whole checkpoint when the process was gone (0 for none); `in_save`: a save was open."""

    reached: int
    in_save: bool


@dataclass
class Victim:
    """One run of an owner, to be killed and resumed."""

    jobs: JobQueue
    owner: str
    job_id: str
    chance: random.Random

    @property
    def folder(self) -> Path:
        return self.jobs.job(self.owner, self.job_id).folder

    def state(self) -> JobState:
        return self.jobs.get(self.owner, self.job_id)

    def kill_at_step(self, step: int) -> Kill | None:
        """Kill once this many steps are told, a moment later; None when the run ended before."""
        self._poll(lambda: self.state()["step"] >= step or self._over(), 0.05)
        time.sleep(self.chance.uniform(0.0, 0.2))
        return self._kill()

    def kill_in_save(self, after: int) -> Kill | None:
        """Kill inside the next save after this step: when its folder aside has just appeared, or a moment later."""
        self._poll(lambda: self.jobs.worker_pid() is not None or self._over(), 0.05)
        # looked at often, so nothing is read here
        self._poll(lambda: self._saving_beyond(after) or self.jobs.worker_pid() is None, 0.002)
        time.sleep(self.chance.uniform(0.0, 0.01))
        return self._kill()

    def resume(self) -> int:
        """Resume; returns the step at which training goes on."""
        told = len(self.jobs.events(self.owner, self.job_id))
        self.jobs.resume(self.owner, self.job_id)
        self._poll(lambda: bool(self._begun(told)) or self._over(), 0.05)
        return self._begun(told)[0]

    def finish(self) -> JobState:
        self._poll(self._over, 0.05)
        return self.state()

    def _begun(self, after: int) -> list[int]:
        events = self.jobs.events(self.owner, self.job_id, after)
        return [event.step or 0 for event in events if event.state == "training"]

    def _kill(self) -> Kill | None:
        pid = self.jobs.worker_pid()
        if pid is None or self._over():
            return None
        os.kill(pid, signal.SIGKILL)
        in_save = any(True for _ in self._open_saves())
        self._poll(self._over, 0.02)
        whole = whole_checkpoints(self.folder / CHECKPOINTS_FOLDER)
        return Kill(whole[-1].step if whole else 0, in_save)

    def _open_saves(self) -> Iterator[Path]:
        """What a save that is not over has on the disk: a folder aside, or one in place without its manifest."""
        for root in (self.folder / TMP_FOLDER, self.folder / CHECKPOINTS_FOLDER):
            for folder in root.glob("[!.]*-*"):
                if root.name == TMP_FOLDER or not (folder / MANIFEST).exists():
                    yield folder

    def _saving_beyond(self, step: int) -> bool:
        return any(int(folder.name.partition("-")[2]) > step for folder in self._open_saves())

    def _over(self) -> bool:
        return self.state()["state"] in FINISHED

    @staticmethod
    def _poll(found: Callable[[], bool], every_s: float) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not found():
            if time.monotonic() > deadline:
                raise TimeoutError("nothing happened")
            time.sleep(every_s)


def apart(one: JobState, other: JobState) -> float:
    """The largest difference between the losses of two runs; infinite when they are not of the same steps."""
    mine, its = dict(one["losses"]), dict(other["losses"])
    if mine.keys() != its.keys():
        return float("inf")
    return max(abs(mine[step] - its[step]) for step in mine)


def weights_apart(one: Path, other: Path) -> float:
    """The largest difference between the weights of two adapters."""
    mine, its = (load_file(folder / "adapter_model.safetensors") for folder in (one, other))
    return max(float(abs(mine[name] - its[name]).max()) for name in mine.keys() | its.keys())
