"""Runs in real worker processes: they finish, stop, survive being killed, and say how they ended."""

import asyncio
import errno
import os
import shutil
import signal
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from playground.data_dir import DataDir
from playground.errors import AdapterError, BusyError, InputError
from playground.training.jobs import supervisor as supervise
from playground.training.jobs.events import Event, EventLog
from playground.training.jobs.queue import JobHooks, JobQueue
from playground.training.jobs.state import JobState
from tests.support.training_runs import (
    LONG,
    PATIENCE_S,
    SHORT,
    Room,
    is_gone,
    wait_for,
    wait_until_finished,
    worker_of,
)
from tests.training.conftest import Finished


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


def test_a_run_is_shorter_while_others_wait(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else's run waits for an hour; those of its own address do not shorten it."""
    room = Room(tmp_path, tiny_model_folder)
    jobs = room.open(longest_run_s=3600.0)
    clock = SimpleNamespace(monotonic=lambda: 1300.0 if room.checkpoints else 0.0)
    monkeypatch.setattr(supervise, "time", clock)
    long = room.start(jobs, LONG, address="here")
    wait_for(lambda: bool(room.checkpoints))
    room.start(jobs, SHORT, owner="eve", address="here")
    seen = jobs.get("ann", long)["step"]
    wait_for(lambda: jobs.get("ann", long)["step"] > seen)
    with pytest.raises(BusyError, match="from your network waits already"):
        room.start(jobs, SHORT, owner="joe", address="here")
    room.start(jobs, SHORT, owner="bob", address="there")
    ended = wait_until_finished(jobs, long)
    assert ended["message"].startswith("It had the 20 minutes that a run may take here")
    assert ended["can_resume"]
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
