"""Skills that come with a model are part of it: on their tab without a choice, for everybody, and to stay."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.adapters.builtin import builtin_adapters
from playground.adapters.info import AdapterInfo
from playground.errors import AdapterError
from playground.files import write_json
from playground.models.loader import LoadedModel, load_model
from playground.protocol.client import SamplingClient
from playground.protocol.messages import BASE, PLAIN
from playground.service.services import Services
from playground.tasks.registry import all_tasks
from playground.tasks.sentiment import TASK as SENTIMENT
from playground.ui.components.adapter_picker import picked
from playground.ui.i18n import I18N
from playground.ui.page import build_page
from tests.support.exchange import host_of, running_services, store_of
from tests.support.tiny import make_llama

SKILL = "a-00000000000000f1"


@pytest.fixture
def skill(loaded: LoadedModel, adapters: list[Path], tmp_path: Path) -> AdapterInfo:
    """A skill of the live model for moods, in a folder as the app's own lie."""
    folder = tmp_path / "skills" / "sentiment"
    folder.parent.mkdir()
    folder.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (folder / name).write_bytes((adapters[0] / name).read_bytes())
    facts = {"id": SKILL, "name": "Moods", "task": "sentiment", "visibility": "built-in", "metrics": {}, "source": {}}
    base = {"base_model": loaded.info.name, "base_fingerprint": loaded.info.fingerprint}
    write_json(folder / "manifest.json", {**facts, **base, "created": "2026-11-26T12:00:00+00:00"})
    (card,) = builtin_adapters(folder.parent)
    return card


@pytest.fixture
def skilled(services: Services, skill: AdapterInfo) -> Services:
    store_of(services).builtin = (skill,)
    return services


def _asked(services: Services, adapter: str, task: str = "sentiment") -> SamplingClient:
    return asyncio.run(services.adapters.client("ann", adapter, task=task))


def test_the_base_has_it_on_its_task_alone(skilled: Services) -> None:
    """Defends what is asked of whom: the skill on its own task, the bare weights elsewhere and when they are named."""
    assert _asked(skilled, BASE).adapter == SKILL
    assert {task: _asked(skilled, BASE, task).adapter for task in all_tasks() if task != "sentiment"} == {
        task: BASE for task in all_tasks() if task != "sentiment"
    }
    assert _asked(skilled, PLAIN).adapter == BASE
    assert _asked(skilled, "moods", "generate").adapter == SKILL
    assert _asked(skilled, BASE).strength == 1.0


def test_its_answers_are_the_skills(skilled: Services) -> None:
    """Defends the way through a task: base and skill say the same, the plain weights something else."""

    async def judged(adapter: str) -> dict[str, float]:
        found = [result async for result in skilled.generation.run("ann", SENTIMENT, adapter, text="A lovely film.")]
        return dict(found[-1].confidences)

    base, named, plain = (asyncio.run(judged(adapter)) for adapter in (BASE, "Moods", PLAIN))
    assert base == pytest.approx(named, abs=1e-5)
    assert abs(base["positive"] - plain["positive"]) > 1e-3


def test_it_is_listed_and_stays(skilled: Services, adapters: list[Path]) -> None:
    """Defends what belongs to everybody: nobody renames or deletes it, and one's own come first."""
    mine = store_of(skilled).publish("ann", "Mine", adapters[0])
    assert [card.id for card in skilled.adapters.list("ann")] == [mine.id, SKILL]
    for change in (skilled.adapters.delete_adapter, lambda owner, one: skilled.adapters.rename(owner, one, "Other")):
        with pytest.raises(AdapterError, match="'Moods' is built in"):
            change("ann", SKILL)
    assert _asked(skilled, "Moods").adapter == SKILL
    assert Path(skilled.downloads.zipped("ann", SKILL)).is_file()
    assert [value for _, value in picked(skilled, "ann").choices] == [BASE, mine.id, SKILL, PLAIN]


def test_its_name_in_the_picker_reaches_the_browser(skilled: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Defends the words that an event says: those that the page was not drawn with are shown as a key."""
    monkeypatch.setattr(I18N, "translations", {language: {} for language in I18N.translations})
    build_page(skilled)
    known = {language: set(words) for language, words in I18N.translations.items()}
    assert PLAIN in [value for _, value in picked(skilled, "ann").choices]
    assert {language: set(words) for language, words in I18N.translations.items()} == known


def test_nobody_calls_theirs_plain(services: Services, adapters: list[Path]) -> None:
    """Defends the word that means the bare weights."""
    with pytest.raises(AdapterError, match="without an adapter"):
        store_of(services).publish("ann", "Plain", adapters[0])


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load_model(str(make_llama(tmp_path_factory.mktemp("models") / "another", seed=9)), "none")


@pytest.fixture
def elsewhere(another: LoadedModel, skill: AdapterInfo, tmp_path: Path) -> Iterator[Services]:
    (tmp_path / "other").mkdir()
    with running_services(another, tmp_path / "other") as running:
        store_of(running).builtin = (skill,)
        yield running


def test_another_model_has_none(elsewhere: Services) -> None:
    """Defends whoever loads another model: its base is its weights, and nothing foreign is listed."""
    assert elsewhere.adapters.list("ann") == []
    assert _asked(elsewhere, BASE).adapter == BASE
    assert [value for _, value in picked(elsewhere, "ann").choices] == [BASE]
    assert host_of(elsewhere).status().adapters_resident == ()


def test_a_damaged_one_is_left_out(tmp_path: Path, skill: AdapterInfo) -> None:
    """Defends the start of the app."""
    (tmp_path / "skills" / "broken").mkdir()
    (tmp_path / "skills" / "broken" / "manifest.json").write_text('{"id": 3')
    builtin_adapters.cache_clear()
    assert [card.id for card in builtin_adapters(tmp_path / "skills")] == [SKILL]
