"""A skill is trained by the worker of visitors' runs, goes on where it ended, and stands in the box with its proof."""

from dataclasses import replace
from pathlib import Path

import pytest

from playground.adapters.builtin import builtin_adapters
from playground.adapters.check import check_folder
from playground.errors import TrainingError
from playground.skills.publish import publish
from playground.skills.recipes import RECIPES, Recipe
from playground.skills.train import train
from playground.training.jobs.job import Job
from tests.support.benchmark_rows import make_data
from tests.support.configs import changed


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    found = next(recipe for recipe in RECIPES if recipe.task == "sentiment")
    return replace(found, rows=24, values=changed(found.values, max_steps=3, per_device_train_batch_size=4))


@pytest.fixture(scope="module")
def job(recipe: Recipe, data: Path, tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("playground.skills.recipes.HELD_OUT", 6)
        return train(recipe, str(tiny_model_folder), data, tmp_path_factory.mktemp("runs"))


def test_again_is_not_trained_again(recipe: Recipe, job: Job, data: Path, tiny_model_folder: Path) -> None:
    """Defends hours of work: what is done stays done, and another recipe does not go on with it."""
    events = job.log.read()
    assert train(recipe, str(tiny_model_folder), data, job.folder.parent).facts() == job.facts()
    assert job.log.read() == events
    with pytest.raises(TrainingError, match="of another recipe"):
        train(replace(recipe, rows=25), str(tiny_model_folder), data, job.folder.parent)


def test_in_the_box(recipe: Recipe, job: Job, data: Path, tmp_path: Path) -> None:
    """Defends what a card promises: which data, which scores beside whose, and the proof of the switch."""
    card = publish(recipe, job, data, tmp_path / "skills" / recipe.task, rows=4)
    (found,) = builtin_adapters(tmp_path / "skills")
    assert found.model_copy(update={"folder": card.folder}) == card
    facts = check_folder(card.folder)
    assert (facts.r, facts.base_fingerprint) == (recipe.values.r, job.spec.base_fingerprint)
    assert card.receipt and card.receipt.base_unchanged and card.receipt.max_logit_change > 0
    told = (card.folder / "README.md").read_text()
    for words in (
        "SST-2 sentences",
        "accuracy",
        "uci_reviews_train.jsonl",
        "CC BY 4.0",
        "learning_rate",
        "the same bits",
    ):
        assert words in told
    assert str(tmp_path) not in told and str(job.folder) not in told
