"""The engine's own tests once more, on the runner that reads one sequence after another."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.engine.attention_check import CannotShareError
from playground.engine.host import LocalModelHost
from playground.engine.sequential import check
from playground.models.loader import LoadedModel, load_model
from tests.engine.test_engine_core import *  # noqa: F403
from tests.engine.test_fairness import *  # noqa: F403
from tests.engine.test_llm_engine import *  # noqa: F403
from tests.engine.test_swaps import *  # noqa: F403


@pytest.fixture(scope="session")
def loaded(tiny_model_folder: Path) -> LoadedModel:
    """A model of its own: its layers go another way."""
    return load_model(str(tiny_model_folder), "none")


@pytest.fixture(autouse=True)
def _one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_model: object) -> None:
        raise CannotShareError

    monkeypatch.setattr(check, "enable_varlen_attention", refuse)


@pytest.fixture
def host(loaded: LoadedModel) -> Iterator[LocalModelHost]:
    held = LocalModelHost(loaded)
    assert held._live().one_at_a_time
    yield held
    held.close()
