"""Defends the measured rows from being learnt: of a file that serves both, no row is in both parts."""

from pathlib import Path

import pytest

from playground.errors import DataError
from playground.evaluation.benchmark_data import (
    CHINESE_FILE,
    EVERY,
    QUESTIONS_FILE,
    chinese_pairs,
    held_out_rows,
    questions,
    read_rows,
    stories,
)
from tests.support.benchmark_rows import make_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("data"))


def test_a_sentence_that_is_held_out_is_learnt_in_no_other_pair(data: Path) -> None:
    """Also where the file has it again, with other capitals and another translation."""
    rows = read_rows(data / CHINESE_FILE)
    again = {"en": f" {rows[EVERY - 1]['en'].upper()}", "zh": "别的话。"}
    with (data / CHINESE_FILE).open("a", encoding="utf-8") as file:
        file.write(f'{{"en": "{again["en"]}", "zh": "{again["zh"]}"}}\n')
    learnt, held = chinese_pairs(data)
    assert held == [rows[EVERY - 1]]
    assert again not in learnt
    assert {row["en"].strip().lower() for row in learnt}.isdisjoint(row["en"].lower() for row in held)


def test_a_passage_is_learnt_or_held_out_with_all_its_questions(data: Path) -> None:
    learnt, held = questions(data)
    assert learnt and held
    assert len(learnt) + len(held) == len(read_rows(data / QUESTIONS_FILE))
    assert {row["context"] for row in learnt}.isdisjoint(row["context"] for row in held)


def test_the_last_stories_are_held_out_whole(data: Path) -> None:
    learnt, held = stories(data)
    assert learnt and held
    assert set(learnt).isdisjoint(held)
    assert all(story.startswith("Once upon a time") and story.endswith("The end.") for story in [*learnt, *held])


def test_what_measures_is_what_is_held_out(data: Path) -> None:
    assert held_out_rows(data, CHINESE_FILE) == chinese_pairs(data)[1]
    assert held_out_rows(data, QUESTIONS_FILE) == questions(data)[1]
    assert held_out_rows(data, "sentiment/sst2_dev.jsonl") == read_rows(data / "sentiment/sst2_dev.jsonl")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="tatoeba_en_zh_train"):
        chinese_pairs(tmp_path)
