"""Data folders of earlier versions open, and a start sweeps what is ours and unfinished, and nothing else."""

import hashlib
import shutil
from pathlib import Path

import pytest

from playground.adapters.info import Visibility
from playground.adapters.store import AdapterStore
from playground.data_dir import OPERATOR, DataDir
from playground.training.jobs.job import find_jobs
from playground.training.spec import TrainingSpec
from tests.adapters.test_check import adapter
from tests.support.exchange import as_kept_earlier

LEARNER, CORRECTOR, ABSENT = "1" * 32, "2" * 32, "3" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return adapter(tmp_path / "trained")


def kept_earlier(data: DataDir, owner: str, folder: Path, visibility: Visibility = "private") -> str:
    """An adapter where earlier versions kept it; returns its id."""
    card = AdapterStore(data).publish(owner, "Old", folder, visibility=visibility)
    as_kept_earlier(data, owner)
    return card.id


def test_an_old_data_folder_opens(folder: Path, tmp_path: Path) -> None:
    """Defends everything that earlier versions kept: whoever the disk tells of finds it at once, the others when they
    come back, and until then their public adapters are there for all."""
    data = DataDir(tmp_path / "data")
    ids = {owner: kept_earlier(data, owner, folder) for owner in (OPERATOR, LEARNER, CORRECTOR)}
    shared = kept_earlier(data, ABSENT, folder, "public")
    spec = TrainingSpec("j1", LEARNER, "Old", "m", "4bit", "", 1.0)
    (data.root / LEARNER / "jobs" / "j1").mkdir(parents=True)
    spec.save(data.root / LEARNER / "jobs" / "j1")
    (data.root / CORRECTOR).mkdir()
    (data.root / CORRECTOR / "corrections.json").write_text("[]", encoding="utf-8")
    for _ in range(2):  # as at the next start
        data.move_old_layout()
        data.sweep()
    assert {path.parent.name for path in data.all_adapters()} - set(ids) == {path_of(ABSENT)}
    store = AdapterStore(data)
    for owner, mine in ids.items():
        assert [card.id for card in store.list(owner)] == [mine, shared]
        assert store.own(owner, mine).folder == data.root / owner / "adapters" / mine
    (job,) = find_jobs(data)
    assert (job.spec, job.folder) == (spec, data.jobs(LEARNER) / "j1")
    assert store.own(ABSENT, "Old").folder == data.root / ABSENT / "adapters" / shared
    assert store.get(LEARNER, shared).folder == data.root / ABSENT / "adapters" / shared
    assert not (data.root / path_of(ABSENT)).exists()


def path_of(owner: str) -> str:
    return hashlib.sha256(owner.encode()).hexdigest()[:32]


def test_a_crash_in_the_middle_of_moving_loses_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defends adapters from a power cut between any two of the renames, and those that are at home from old ones."""
    data = DataDir(tmp_path / "data")
    store = AdapterStore(data)
    cards = {store.publish(LEARNER, "Old", folder).id for _ in range(3)}
    old = as_kept_earlier(data, LEARNER)
    rename, renamed = Path.rename, []

    def cut(path: Path, to: Path) -> Path:
        if renamed:
            raise OSError("the power is gone")
        renamed.append(path)
        return rename(path, to)

    with monkeypatch.context() as moment:
        moment.setattr(Path, "rename", cut)
        with pytest.raises(OSError, match="power"):
            data.adopt(LEARNER)
    assert {path.name for home in (old, data.adapters(LEARNER)) for path in home.iterdir()} == cards
    late = store.publish(LEARNER, "New", folder).id
    assert {card.id for card in store.list(LEARNER)} == {*cards, late} and not old.exists()
    copied = shutil.copytree(store.own(LEARNER, late).folder, old / late)
    (copied / "manifest.json").write_text("{}", encoding="utf-8")
    data.adopt(LEARNER)
    assert store.own(LEARNER, late).name == "New" and (copied / "manifest.json").read_text() == "{}"


def test_a_start_sweeps_what_is_ours_and_unfinished(tmp_path: Path) -> None:
    """Defends the disk from what kills leave behind, and what others keep in the same folder from us."""
    data = DataDir(tmp_path / "data")
    ours = (".importing-x/a", "trials/x/run/a", f"{OPERATOR}/jobs/no-spec/train.jsonl", "uploads/downloads/whole-1/a")
    ours = (*ours, ".leaving-x/adapters/a", "uploads/.leaving-y/a")  # somebody was about to delete everything
    kept = ("projects/adapters/x/a", "projects/jobs/x/a", f"{OPERATOR}/jobs/j1/spec.json", "uploads/tmp/a")
    for name in (*ours, *kept):
        (data.root / name).parent.mkdir(parents=True)
        (data.root / name).touch()
    data.sweep()
    assert {str(path.relative_to(data.root)) for path in data.root.rglob("*") if path.is_file()} == set(kept)
    assert data.downloads.is_dir()
