"""Defends what the page asks for when it opens: one event fills in whatever follows the model, in a task's tab too."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from playground.models.catalog import COMMON_LANGUAGES
from playground.tasks.inputs import AUTO
from playground.ui.components.model_binding import bind
from tests.support.page import build_real_page
from tests.ui.test_i18n import Asked


def test_choices_that_the_model_decides_come_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Translate in the tab that any task gets: empty at first, then the loaded model's languages and their defaults."""
    monkeypatch.setattr("playground.ui.page.find_spec", lambda name: None)
    with build_real_page(tmp_path) as page:
        (event,) = [one for one in page.fns.values() if one.name == "follow"]
        updates: list[Any] = asyncio.run(event.fn(Asked({"accept-language": "zh-CN"})))
    found = dict(zip([one.elem_id for one in event.outputs], updates, strict=False))
    drawn = {one.elem_id: one for one in event.outputs}
    assert (drawn["translate-target"].choices, drawn["translate-target"].value) == ([], None)
    assert [value for _, value in found["translate-target"].choices] == [*COMMON_LANGUAGES]
    assert [value for _, value in found["translate-source"].choices] == [AUTO, *COMMON_LANGUAGES]
    assert found["translate-target"].choices[1] == ("德语", "German")
    offered, untouched = updates[-2:]
    assert set(offered.values()) == {"English", AUTO}
    assert untouched == {"__type__": "update"}


def test_nothing_is_bound_outside_a_page() -> None:
    with pytest.raises(RuntimeError, match="while a page is being drawn"):
        bind(None, lambda info, gettext: None)  # type: ignore[arg-type]
