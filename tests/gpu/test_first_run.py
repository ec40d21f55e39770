"""The first steps on a card hold: on one that is there, else in a tiny size on the CPU, so that they can be trusted."""

from collections.abc import Callable, Iterator

import pytest
import torch

from tests.gpu.first_run import STEPS
from tests.gpu.ground import Ground, prepare


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    made = prepare(tmp_path_factory.mktemp("card"), "small" if torch.cuda.is_available() else "tiny")
    yield made
    made.engine.close()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_step(ground: Ground, step: Callable[[Ground], str]) -> None:
    assert step(ground)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no card: what was seen on the CPU says nothing of one")
def test_it_ran_on_a_card(ground: Ground) -> None:
    assert ground.on_card
    assert ground.engine.status().kept_bytes > 0
