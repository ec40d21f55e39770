"""Defends that each style of answering suits the model that is loaded, small or large."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from playground.engine.host import LocalModelHost
from playground.engine.sampler import check_sampling
from playground.ui.tabs.generate_controls import PRESETS, SMALL_PRESETS, read
from tests.support.page import build_real_page
from tests.ui.test_i18n import Asked


@pytest.mark.parametrize("presets", [PRESETS, SMALL_PRESETS], ids=["large", "small"])
def test_every_style_can_be_sampled_with(presets: dict[str, Any]) -> None:
    assert list(presets) == ["exact", "balanced", "inventive"]
    for values in presets.values():
        check_sampling(read([160, *values, -1, "", False, False]).sampling)
    assert presets["exact"][0] == 0.0


@pytest.mark.parametrize(
    ("parameters", "presets"), [(5_000_000, PRESETS), (135_000_000, SMALL_PRESETS), (494_000_000, PRESETS)]
)
def test_the_controls_hold_what_suits_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parameters: int, presets: dict[str, Any]
) -> None:
    """Both what the sliders show at first and what a style sets later."""
    info = LocalModelHost.info.fget
    assert info is not None
    sized = property(lambda host: info(host).model_copy(update={"num_parameters": parameters}))
    monkeypatch.setattr(LocalModelHost, "info", sized)
    with build_real_page(tmp_path) as page:
        (event,) = [one for one in page.fns.values() if one.name == "follow"]
        updates: list[Any] = asyncio.run(event.fn(Asked({})))
    assert {style: list(values) for style, values in presets.items()} in [
        getattr(one, "value", None) for one in updates
    ]
    offered = updates[-2].values()
    assert [value for value in offered if isinstance(value, float | int)] == list(presets["balanced"])
