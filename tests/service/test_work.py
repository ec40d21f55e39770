"""Defends what is kept of work in Fine-tune: it is found again, and only by its owner."""

from pathlib import Path

import pytest

from playground.data_dir import DataDir
from playground.errors import InputError
from playground.service.visitors.work import Work, WorkInProgress

OWNER, OTHER = "a" * 32, "b" * 32


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path)


def test_where_somebody_stood_is_found_again_and_only_by_them(data: DataDir) -> None:
    WorkInProgress(data).keep(OWNER, Work(job_id="one", step=3))
    assert WorkInProgress(data).read(OWNER) == Work(job_id="one", step=3)
    assert WorkInProgress(data).read(OTHER) == Work()


def test_a_damaged_file_is_nothing_and_a_stranger_keeps_nothing(data: DataDir) -> None:
    kept = WorkInProgress(data)
    kept.keep(OWNER, Work(job_id="one"))
    data.work(OWNER).write_text("{")
    assert kept.read(OWNER) == Work()
    with pytest.raises(InputError):
        kept.keep("stranger-0011223344556677", Work(job_id="one"))
