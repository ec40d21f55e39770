"""What visitors keep comes back from a backup, whole; nothing that was half there, and nothing over what is there."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from playground.adapters.store import AdapterStore
from playground.backup import backup, restore
from playground.data_dir import MANIFEST, DataDir
from playground.errors import SettingsError
from playground.service.owners import Owners
from playground.training.jobs.job import Job, find_jobs, write_job
from playground.training.spec import TrainingSpec
from tests.adapters.test_check import adapter
from tests.support.running_app import ROOT
from tests.support.training_runs import stored

ANN, BOB = "a" * 32, "b" * 32


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    """Two owners with an adapter each, a run, corrections, and things that are on their way."""
    data = DataDir(tmp_path / "data")
    data.root.mkdir()
    Owners(data, "public")
    store = AdapterStore(data)
    for owner in (ANN, BOB):
        store.publish(owner, "Taught", adapter(tmp_path / owner))
    job = Job(TrainingSpec("j1", ANN, "Run", "m", "4bit", "", 1.0), data.jobs(ANN) / "j1")
    write_job(job, *stored())
    data.corrections(BOB).write_text("[]")
    (data.adapters(ANN) / ".writing-x").mkdir()
    (data.adapters(ANN) / "half").mkdir()
    (data.sent(ANN) / "x").mkdir(parents=True)
    return data


def test_all_that_is_kept_comes_back(data: DataDir, tmp_path: Path) -> None:
    with data.lock():  # the app runs
        assert backup(data, tmp_path / "kept.tar.gz") == 3
    assert oct((tmp_path / "kept.tar.gz").stat().st_mode & 0o777) == "0o600"  # it holds what signs keys
    other = DataDir(tmp_path / "other")
    other.root.mkdir()
    assert restore(other, tmp_path / "kept.tar.gz") == 3
    assert other.signing_key.read_bytes() == data.signing_key.read_bytes()
    for owner in (ANN, BOB):
        (was,), (now,) = AdapterStore(data).list(owner), AdapterStore(other).list(owner)
        assert (was.id, was.name) == (now.id, now.name)
        for file in was.folder.iterdir():
            assert (now.folder / file.name).read_bytes() == file.read_bytes()
    assert [job.job_id for job in find_jobs(other)] == ["j1"]
    assert other.corrections(BOB).read_text() == "[]"
    names = {path.name for path in other.root.rglob("*")}
    assert not names & {".writing-x", "half", "uploads"}
    assert not list(other.root.glob(".importing-*"))


def test_what_goes_meanwhile_is_not_there_by_half(
    data: DataDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (card,) = AdapterStore(data).list(ANN)
    link, gone = os.link, []

    def leaving(source: str, target: str) -> None:
        link(source, target)
        if Path(source).parent == card.folder and not gone:
            gone.append((card.folder / MANIFEST).unlink())

    monkeypatch.setattr("playground.backup.os.link", leaving)
    assert backup(data, tmp_path / "kept.tar.gz") == 2
    with tarfile.open(tmp_path / "kept.tar.gz") as tar:
        assert not [name for name in tar.getnames() if card.id in name]


def test_a_folder_in_use_and_files_that_are_none_are_refused(data: DataDir, tmp_path: Path) -> None:
    backup(data, tmp_path / "kept.tar.gz")
    with pytest.raises(SettingsError, match="Restore into an empty folder"):
        restore(data, tmp_path / "kept.tar.gz")
    empty = DataDir(tmp_path / "empty")
    empty.root.mkdir()
    with empty.lock(), pytest.raises(SettingsError, match="is using"):
        restore(DataDir(empty.root), tmp_path / "kept.tar.gz")
    whole = (tmp_path / "kept.tar.gz").read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.tar.gz").write_text("hello")
    with tarfile.open(tmp_path / "other.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "text.tar.gz", "signing.txt")
    for name in ("cut", "text", "other", "missing"):
        with pytest.raises(SettingsError, match="no backup"):
            restore(empty, tmp_path / f"{name}.tar.gz")
        assert {path.name for path in empty.root.iterdir()} <= {"app.lock"}


def test_a_backup_cannot_reach_out_of_the_folder(data: DataDir, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as tar:
        tar.add(data.signing_key, "../outside.key")
    empty = DataDir(tmp_path / "empty")
    empty.root.mkdir()
    with pytest.raises(SettingsError, match="no backup"):
        restore(empty, tmp_path / "evil.tar.gz")
    assert not (tmp_path / "outside.key").exists()


def test_by_the_command(data: DataDir, tmp_path: Path) -> None:
    def run(what: str, folder: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "playground.data_dir", what, str(tmp_path / "kept.tar.gz")]
        told = {**os.environ, "PLAYGROUND_DATA_DIR": str(folder)}
        return subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, check=False)

    assert "3 adapters and training runs" in run("backup", data.root).stdout
    assert "3 adapters and training runs" in run("restore", tmp_path / "new").stdout
    refused = run("restore", tmp_path / "new")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
