"""Runs belong to one owner, wait their turn, and the oldest go."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from playground.data_dir import DataDir
from playground.errors import BusyError, InputError
from playground.training.jobs.events import Event
from playground.training.jobs.job import Job, write_job
from playground.training.jobs.job_store import MAX_KEPT_JOBS
from playground.training.jobs.queue import JobHooks, JobQueue
from playground.training.spec import StoredExamples, TrainingSpec
from tests.support.running_app import ROOT
from tests.support.tiny_model import TINY
from tests.support.training_runs import (
    LONG,
    PATIENCE_S,
    SHORT,
    Room,
    examples,
    is_gone,
    stored,
    wait_for,
    wait_until_finished,
    worker_of,
)
from tests.training.conftest import Finished


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
            "ann",
            "One",
            (StoredExamples.of(examples()[:1]), StoredExamples.of([])),
            SHORT,
            model="m",
            quantization="auto",
            base_fingerprint="",
        )
    assert sorted(finished.room.root.rglob("*")) == before


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
    write_job(job, *stored())
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


def test_one_app_at_a_time_on_a_folder(tmp_path: Path) -> None:
    """A second app would take the first one's runs for left over; it is refused until the first is gone."""
    with DataDir(tmp_path).lock():
        second = subprocess.run(
            [sys.executable, "app.py"],
            env={**os.environ, "PLAYGROUND_DATA_DIR": str(tmp_path), "PLAYGROUND_MODEL": str(TINY)},
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


def test_what_is_removed_ends_at_once_and_leaves_nothing(tiny_model_folder: Path, tmp_path: Path) -> None:
    """The one that trains, the one that waits, and the one that has ended; the next owner's begins after them."""
    room = Room(tmp_path, tiny_model_folder)
    old_run(tmp_path, 1)
    jobs = room.open()
    try:
        training = room.start(jobs, LONG)
        room.start(jobs, SHORT)
        wait_for(lambda: jobs.get("ann", training)["state"] == "training")
        his, worker = room.start(jobs, SHORT, owner="bob"), worker_of(jobs)
        assert jobs.remove_all("ann") == 3
        assert is_gone(worker)
        assert jobs.list("ann") == list(DataDir(tmp_path).jobs("ann").iterdir()) == []
        assert wait_until_finished(jobs, his, "bob")["state"] == "done"
        assert [folder.parent.name for folder in room.published] == [his]
    finally:
        jobs.close()


def test_what_is_about_to_begin_is_removed_too(tiny_model_folder: Path, tmp_path: Path) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        leave.wait(PATIENCE_S)

    published: list[Path] = []
    jobs = JobQueue(
        DataDir(tmp_path),
        JobHooks(on_trained=lambda _job, folder: published.append(folder) or "a", on_worker_start=hold),
    )
    room = Room(tmp_path, tiny_model_folder)
    room.start(jobs, SHORT)
    assert entered.wait(PATIENCE_S)
    removing = threading.Thread(target=jobs.remove_all, args=("ann",))
    removing.start()
    wait_for(lambda: jobs._runner._abandoned is not None)
    leave.set()
    removing.join(PATIENCE_S)
    assert not removing.is_alive()
    assert not jobs.busy()
    jobs.close()
    assert published == []
    assert jobs.worker_pid() is None


def test_only_what_is_over_moves_to_another_owner(tiny_model_folder: Path, tmp_path: Path) -> None:
    """And is there after a restart as it was."""
    room = Room(tmp_path, tiny_model_folder)
    old = old_run(tmp_path, 1)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        leave.wait(PATIENCE_S)

    jobs = JobQueue(DataDir(tmp_path), JobHooks(on_trained=lambda _job, _folder: "a", on_worker_start=hold))
    before = jobs.get("ann", old.job_id)
    begun, waits = room.start(jobs, SHORT), room.start(jobs, SHORT)
    assert entered.wait(PATIENCE_S)
    assert jobs.move_all("ann", "c" * 32) == {begun, waits} == {state["job_id"] for state in jobs.list("ann")}
    assert jobs.get("c" * 32, old.job_id) == before
    with pytest.raises(InputError, match="no training run"):
        jobs.get("ann", old.job_id)
    assert not old.folder.exists()
    closing = threading.Thread(target=jobs.close)
    closing.start()
    leave.set()
    closing.join(PATIENCE_S)
    again = room.open()
    assert again.get("c" * 32, old.job_id) == before
    assert again.move_all("ann", "c" * 32) == set()
    assert len(again.list("c" * 32)) == 3
    again.close()
