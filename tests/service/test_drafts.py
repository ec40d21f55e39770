"""Defends what somebody prepares across visits: the same file with the same choices and changes, and nobody else's."""

from pathlib import Path

import pytest

from playground.data.selection import RowChanges
from playground.data_dir import DataDir
from playground.errors import InputError
from playground.service.datasets import READY_FILES
from playground.service.reading.dataset import DatasetFile
from playground.service.visitors.drafts import Drafts

ANN, BEN = "a" * 32, "b" * 32
CHANGES = RowChanges(
    frozenset({3}), {1: ({"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Me."}), 2: "text"}
)


def drafts(data: DataDir) -> Drafts:
    return Drafts(data, lambda: None)


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path)


def sent(data: DataDir, owner: str) -> Path:
    path = data.sent(owner) / "abc" / "mine.csv"
    path.parent.mkdir(parents=True)
    path.write_text("question,answer\n")
    return path


@pytest.mark.parametrize("repairs", [None, ["outer_spaces"]])
def test_a_draft_comes_back_as_it_was(data: DataDir, repairs: list[str] | None) -> None:
    file = DatasetFile(sent(data, ANN), "mine.csv", "text_label", {"text": "question"}, repairs, CHANGES)
    drafts(data).keep(ANN, file)
    assert drafts(data).find(ANN) == file
    assert drafts(data).find(BEN) is None
    drafts(data).forget(ANN)
    assert drafts(data).find(ANN) is None


def test_a_draft_goes_where_its_owner_goes(data: DataDir) -> None:
    """Who signs in has the files that the key had, at another place."""
    drafts(data).keep(ANN, DatasetFile(sent(data, ANN), "mine.csv", changes=CHANGES))
    data.move_rest(ANN, BEN)
    found = drafts(data).find(BEN)
    assert found is not None
    assert (found.path, found.changes) == (data.sent(BEN) / "abc" / "mine.csv", CHANGES)


def test_files_of_the_page_are_kept_and_others_are_not(data: DataDir, tmp_path: Path) -> None:
    ready = DatasetFile(READY_FILES / "pirate_talk.csv", "pirate_talk.csv")
    drafts(data).keep(ANN, ready)
    found = drafts(data).find(ANN)
    assert found is not None
    assert found.path == ready.path
    drafts(data).keep(BEN, DatasetFile(sent(data, ANN), "mine.csv"))
    assert drafts(data).find(BEN) is None


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"home": "sent", "path": "../../x"}', '{"home": "nowhere"}'])
def test_what_is_damaged_or_gone_is_none(data: DataDir, damage: str) -> None:
    path = sent(data, ANN)
    drafts(data).keep(ANN, DatasetFile(path, "mine.csv"))
    kept = data.draft(ANN).read_text(encoding="utf-8")
    data.draft(ANN).write_text(damage, encoding="utf-8")
    assert drafts(data).find(ANN) is None
    data.draft(ANN).write_text(kept, encoding="utf-8")
    path.unlink()
    assert drafts(data).find(ANN) is None


def test_a_table_that_is_being_written_comes_back(data: DataDir) -> None:
    assert drafts(data).typed(ANN) == []
    drafts(data).keep_typed(ANN, [["Who?", "Me."], ["", ""]])
    assert drafts(data).typed(ANN) == [["Who?", "Me."], ["", ""]]
    data.typed(ANN).write_text("7", encoding="utf-8")
    assert drafts(data).typed(ANN) == []


def test_a_full_disk_is_said(data: DataDir) -> None:
    def full() -> None:
        raise InputError("The server has no room.")

    with pytest.raises(InputError, match="no room"):
        Drafts(data, full).keep_typed(ANN, [["Who?", "Me."]])
    assert drafts(data).typed(ANN) == []
