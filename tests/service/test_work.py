"""Defends what is kept of work in Fine-tune: it is found again, and only by its owner."""

from pathlib import Path

import pytest

from playground.data_dir import DataDir
from playground.errors import InputError
from playground.service.datasets import READY_FILES
from playground.service.visitors.work import Work, WorkInProgress

OWNER, OTHER = "a" * 32, "b" * 32


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path)


def sent(data: DataDir, owner: str) -> Path:
    path = data.sent(owner) / "one" / "rows.csv"
    path.parent.mkdir(parents=True)
    path.write_text("a,b\n")
    return path


def test_what_was_begun_is_found_again(data: DataDir) -> None:
    kept, path = WorkInProgress(data), sent(data, OWNER)
    work = Work(path=str(path), format="prompt_completion", columns={"prompt": "a"}, repairs=("empty",), step=3)
    kept.keep(OWNER, work)
    found = WorkInProgress(data).read(OWNER)
    assert found == work
    assert kept.path(OWNER, found) == path
    assert kept.read(OTHER) == Work()
    path.unlink()
    assert kept.path(OWNER, found) is None


def test_a_file_of_somebody_else_is_none(data: DataDir) -> None:
    kept, path = WorkInProgress(data), sent(data, OTHER)
    assert kept.path(OWNER, Work(path=str(path))) is None
    assert kept.path(OWNER, Work(path="/etc/passwd")) is None
    assert kept.path(OWNER, Work()) is None
    ours = READY_FILES / "pirate_talk.csv"
    assert kept.path(OWNER, Work(path=str(ours))) == ours


def test_a_damaged_file_is_nothing_and_a_stranger_keeps_nothing(data: DataDir) -> None:
    kept = WorkInProgress(data)
    kept.keep(OWNER, Work(job_id="one"))
    data.work(OWNER).write_text("{")
    assert kept.read(OWNER) == Work()
    with pytest.raises(InputError):
        kept.keep("stranger-0011223344556677", Work(job_id="one"))
