"""Runs in real worker processes: they finish, stop, survive being killed, and belong to one owner."""

import asyncio
import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from playground.data_dir import DataDir
from playground.errors import AdapterError, BusyError, InputError
from playground.training.config import TrainingConfig
from playground.training.jobs import supervisor as supervise
from playground.training.jobs.events import FINISHED, Event, EventLog
from playground.training.jobs.job import Job, write_job
from playground.training.jobs.queue import MAX_KEPT_JOBS, JobHooks, JobQueue
from playground.training.jobs.state import JobState
from playground.training.spec import TrainingSpec
from tests.support.running_app import ROOT
from tests.training.test_trainer import examples

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

    def start(self, jobs: JobQueue, values: TrainingConfig, owner: str = "ann", model: str | None = None) -> str:
        return jobs.start(
            owner,
            "Animals",
            (examples()[:9], examples()[9:]),
            values,
            model=model or str(self.model),
            quantization="auto",
            base_fingerprint="",
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


@dataclass
class Finished:
    room: Room
    jobs: JobQueue
    job_id: str
    refused: list[JobState]
    resumed: list[JobState]


@pytest.fixture(scope="module")
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


def test_trains_to_the_end(finished: Finished) -> None:
    """A run goes through its states, its losses fall, and each checkpoint is handed on."""
    states = list(dict.fromkeys(state["state"] for state in finished.refused))
    assert [state for state in states if state != "waiting"] == ["starting", "training", "failed"]
    last = finished.refused[-1]
    assert (last["step"], last["total_steps"]) == (6, 6)
    assert last["losses"][-1][1] < last["losses"][0][1]
    assert last["eval_losses"][0][0] == 0
    assert last["eval_losses"][-1][1] < last["eval_losses"][0][1]
    assert [folder.name for folder in finished.room.checkpoints][-1] == "step-6"
    assert finished.room.beside == ["start", "end"] * 2


def test_refused_result_is_not_lost(finished: Finished) -> None:
    """When the app cannot take the result, its sentence is shown, and a resume hands it over without training again."""
    assert finished.refused[-1]["message"] == "You have 3 adapters, the most there can be."
    assert finished.refused[-1]["can_resume"]
    last = finished.resumed[-1]
    assert (last["state"], last["adapter"], last["step"]) == ("done", "adapter-1", 6)
    assert last["losses"] == finished.refused[-1]["losses"]
    assert len(finished.room.published) == 1


def test_adapter_is_peft(finished: Finished) -> None:
    """PEFT loads the published folder, and it changes what the model says."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(finished.room.model)
    tokens = torch.tensor([[5, 6, 7]])
    before = base(tokens).logits.detach().clone()
    model = PeftModel.from_pretrained(base, finished.room.published[0])
    assert not torch.allclose(model(tokens).logits, before, atol=1e-3)
    assert model.peft_config["default"].base_model_name_or_path == str(finished.room.model)


def test_facts(finished: Finished) -> None:
    """The card is told what was learnt from, how, and what it brought."""
    facts = finished.jobs.job("ann", finished.job_id).facts()
    assert (facts["rows"], facts["held_out_rows"], facts["steps"]) == (9, 3, 6)
    assert facts["held_out_loss_after"] < facts["held_out_loss_before"]
    assert (facts["settings"]["r"], facts["quantization"]) == (4, "4-bit")
    assert len(facts["data_sha256"]) == 64
    assert facts["seconds"] > 0


def test_belongs_to_its_owner(finished: Finished) -> None:
    """A foreign id, an unknown one and a forged path are told apart by nothing."""
    for owner, job_id in (("bob", finished.job_id), ("ann", "0" * 16), ("bob", "../ann"), ("bob", None)):
        for ask in (finished.jobs.get, finished.jobs.stop, finished.jobs.resume, finished.jobs.events):
            with pytest.raises(InputError, match=r"There is no training run '.*' of yours\."):
                ask(owner, job_id)
    assert finished.jobs.list("bob") == []
    assert [state["job_id"] for state in finished.jobs.list("ann")] == [finished.job_id]


def test_done_cannot_be_resumed(finished: Finished) -> None:
    """There is nothing left to do in a run that is done."""
    with pytest.raises(InputError, match="cannot be resumed: it is done"):
        finished.jobs.resume("ann", finished.job_id)
    finished.jobs.stop("ann", finished.job_id)
    assert finished.jobs.get("ann", finished.job_id)["state"] == "done"


def test_too_few_examples(finished: Finished) -> None:
    """One example is refused before anything is written."""
    before = sorted(finished.room.root.rglob("*"))
    with pytest.raises(InputError, match="fewer than 2"):
        finished.jobs.start(
            "ann", "One", (examples()[:1], []), SHORT, model="m", quantization="auto", base_fingerprint=""
        )
    assert sorted(finished.room.root.rglob("*")) == before


def test_killed_closed_resumed_stopped(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Whatever ends a run, the next start goes on from its newest whole checkpoint, and stopping keeps the result."""
    room = Room(tmp_path, tiny_model_folder)
    jobs = room.open()
    job_id = room.start(jobs, LONG)
    wait_for(lambda: bool(room.checkpoints))
    os.kill(worker_of(jobs), signal.SIGKILL)
    failed = wait_until_finished(jobs, job_id)
    assert failed["state"] == "failed"
    assert "memory" in failed["message"]
    reached = int(room.checkpoints[-1].name.removeprefix("step-"))

    room.checkpoints.clear()
    jobs.resume("ann", job_id)
    wait_for(lambda: bool(room.checkpoints))
    assert int(room.checkpoints[0].name.removeprefix("step-")) == reached + 50
    pid = worker_of(jobs)
    jobs.close()
    assert is_gone(pid)
    assert jobs.get("ann", job_id)["state"] == "interrupted"

    jobs = room.open()
    assert jobs.get("ann", job_id)["can_resume"]
    closed_at = jobs.get("ann", job_id)["step"]
    jobs.resume("ann", job_id)
    wait_for(lambda: jobs.get("ann", job_id)["step"] > closed_at)
    waiting = room.start(jobs, SHORT, owner="bob")
    jobs.stop("bob", waiting)
    assert jobs.get("bob", waiting)["message"] == "Stopped before it began."
    jobs.stop("ann", job_id)
    stopped = wait_until_finished(jobs, job_id)
    assert (stopped["state"], stopped["adapter"]) == ("stopped", "adapter-1")
    assert stopped["step"] > closed_at
    assert (room.published[0] / "adapter_model.safetensors").stat().st_size > 0
    jobs.close()


def test_a_run_has_its_time(tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When its time is over it ends as if it had been stopped, and says why; one that does not heed is cut off."""
    room = Room(tmp_path, tiny_model_folder)
    jobs = room.open(longest_run_s=3600.0)
    late = threading.Event()
    clock = SimpleNamespace(monotonic=lambda: 5000.0 if late.is_set() else 3700.0 if room.checkpoints else 0.0)
    monkeypatch.setattr(supervise, "time", clock)
    job_id = room.start(jobs, LONG)
    stopped = wait_until_finished(jobs, job_id)
    assert (stopped["state"], stopped["adapter"], stopped["can_resume"]) == ("stopped", "adapter-1", True)
    assert stopped["message"] == (
        f"It had the 60 minutes that a run may take here, so it was ended at step {stopped['step']}; "
        "what it learnt until then is kept."
    )
    room.checkpoints.clear()
    jobs.resume("ann", job_id)
    os.kill(worker_of(jobs), signal.SIGSTOP)
    late.set()
    cut_off = wait_until_finished(jobs, job_id)
    assert (cut_off["state"], cut_off["can_resume"]) == ("failed", True)
    assert cut_off["message"].startswith("It had the 60 minutes that a run may take here, and was ended in the middle")
    jobs.close()


def test_bad_model(tiny_model_folder: Path, tmp_path: Path) -> None:
    """A model that cannot be loaded ends the run with one sentence; the details are in the log alone."""
    room = Room(tmp_path, tiny_model_folder)
    jobs = room.open()
    (tmp_path / "empty").mkdir()
    job_id = room.start(jobs, SHORT, model=str(tmp_path / "empty"))
    state = wait_until_finished(jobs, job_id)
    assert state["state"] == "failed"
    assert "no config.json" in state["message"]
    assert "\n" not in state["message"]
    assert "Traceback" in (jobs.job("ann", job_id).folder / "worker.log").read_text()
    jobs.close()


def test_left_over_and_bounded(tiny_model_folder: Path, tmp_path: Path) -> None:
    """What a dead app left waiting shows as interrupted; nobody can fill the queue alone."""
    room = Room(tmp_path, tiny_model_folder)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        leave.wait(PATIENCE_S)

    jobs = JobQueue(DataDir(tmp_path), JobHooks(on_trained=lambda _job, _folder: "a", on_worker_start=hold))
    ids = [room.start(jobs, SHORT, owner="we/ird ../owner") for _ in range(3)]
    assert entered.wait(PATIENCE_S)
    with pytest.raises(BusyError, match="3 training runs"):
        room.start(jobs, SHORT, owner="we/ird ../owner")
    after_a_crash = room.open()
    assert [after_a_crash.get("we/ird ../owner", job_id)["state"] for job_id in ids] == ["interrupted"] * 3
    assert after_a_crash.list("we/ird ../owner")[0]["can_resume"]
    after_a_crash.close()
    closing = threading.Thread(target=jobs.close)
    closing.start()
    leave.set()
    closing.join(PATIENCE_S)
    assert not closing.is_alive()
    assert all(folder.parent == tmp_path for folder in tmp_path.glob("*"))


def old_run(root: Path, number: int, owner: str = "ann") -> Job:
    """A run that ended long ago, as it lies on the disk."""
    spec = TrainingSpec(f"{number:016x}", owner, "Old", "m", "auto", "", float(number), SHORT)
    job = Job(spec, DataDir(root).jobs(owner) / spec.job_id)
    write_job(job, examples()[:9], [])
    job.log.write(Event("done", "Done.", settled=True))
    return job


def test_old_runs_go(tmp_path: Path) -> None:
    """The newest ended runs of each owner stay, and older ones whose adapter is still there."""
    old = [old_run(tmp_path, number) for number in range(MAX_KEPT_JOBS + 3)]
    other = old_run(tmp_path, 99, "bob")
    half_removed = old_run(tmp_path, 100)
    (half_removed.folder / "spec.json").unlink()
    jobs = JobQueue(
        DataDir(tmp_path),
        JobHooks(on_trained=lambda _job, _folder: "a", is_needed=lambda job: job.job_id == old[1].job_id),
    )
    kept = [state["job_id"] for state in jobs.list("ann")]
    assert kept == [job.job_id for job in (*reversed(old[3:]), old[1])]
    assert [job.folder.exists() for job in old[:4]] == [False, True, False, True]
    assert [state["job_id"] for state in jobs.list("bob")] == [other.job_id]
    with pytest.raises(InputError, match="There is no training run"):
        jobs.get("ann", old[0].job_id)
    jobs.close()


def test_an_end_that_the_disk_has_no_room_for_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk cannot hide from whoever watches that the run is over, nor end the thread that runs the next one."""
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        leave.wait(PATIENCE_S)
        raise AdapterError("Give the adapter a name.")

    jobs = JobQueue(DataDir(tmp_path), JobHooks(on_trained=lambda _job, _folder: "a", on_worker_start=hold))
    room = Room(tmp_path, tmp_path)
    job_id = room.start(jobs, SHORT)
    assert entered.wait(PATIENCE_S)

    def full(_log: EventLog, _event: Event) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(EventLog, "write", full)
    leave.set()
    state = wait_until_finished(jobs, job_id)
    assert (state["state"], state["message"]) == ("failed", "Give the adapter a name.")
    assert state["can_resume"]
    monkeypatch.undo()
    jobs.resume("ann", job_id)
    wait_for(lambda: jobs.get("ann", job_id)["state"] == "failed")
    jobs.close()
    assert jobs.job("ann", job_id).log.read()[-1].message == "Give the adapter a name."


def test_a_run_whose_folder_is_removed_says_so(tmp_path: Path) -> None:
    """Whoever follows it is told, it cannot be resumed, and the next one runs."""
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        leave.wait(PATIENCE_S)

    jobs = JobQueue(DataDir(tmp_path), JobHooks(on_trained=lambda _job, _folder: "a", on_worker_start=hold))
    job_id = Room(tmp_path, tmp_path).start(jobs, SHORT)
    assert entered.wait(PATIENCE_S)

    async def follow() -> list[JobState]:
        states = jobs.follow("ann", job_id)
        first = await anext(states)
        shutil.rmtree(jobs.job("ann", job_id).folder)
        leave.set()
        return [first, *[state async for state in states]]

    last = asyncio.run(asyncio.wait_for(follow(), PATIENCE_S))[-1]
    assert last["state"] == "failed"
    assert last["message"].startswith("The folder of this training run is gone")
    with pytest.raises(InputError, match="is gone"):
        jobs.resume("ann", job_id)
    assert not jobs.busy()
    jobs.close()


def test_one_app_at_a_time_on_a_folder(tmp_path: Path) -> None:
    """A second app would take the first one's runs for left over; it is refused until the first is gone."""
    with DataDir(tmp_path).lock():
        second = subprocess.run(
            [sys.executable, "app.py"],
            env={**os.environ, "PLAYGROUND_DATA_DIR": str(tmp_path), "PLAYGROUND_MODEL": "starter"},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 2
        assert second.stderr.startswith(f"Another playground is using {tmp_path} already.")
        assert second.stderr.count("\n") == 1
    with DataDir(tmp_path).lock():
        pass
