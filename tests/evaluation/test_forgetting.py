"""What was forgotten: asked through the app's own tasks, the base once, and an adapter that breaks a task is named."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from playground.engine.host import LocalModelHost
from playground.evaluation import forgetting
from playground.evaluation.forgetting import TaskScore, baseline_cache, items, measure_forgetting
from playground.metrics.bootstrap import PairedDifference
from playground.models.loader import load_model
from playground.protocol.client import SamplingClient
from playground.tasks.nlp.languages import CODES
from playground.tasks.registry import all_tasks
from tests.support.tiny import make_adapter
from tests.support.tiny_model import TINY


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalModelHost]:
    """The tiny model with an adapter of strong random weights."""
    loaded = load_model(str(TINY), "none")
    folder = make_adapter(loaded.info.folder, tmp_path_factory.mktemp("broken"), targets=("q_proj", "v_proj", "o_proj"))
    weights = load_file(folder / "adapter_model.safetensors")
    save_file({name: 3 * tensor for name, tensor in weights.items()}, folder / "adapter_model.safetensors")
    host = LocalModelHost(loaded)
    host.load_adapter("broken", folder)
    yield host
    host.close()


def by_task(found: list[TaskScore]) -> dict[str, TaskScore]:
    return {skill.task: skill for skill in found}


def test_the_items_are_twelve_of_each_task_and_fit_it() -> None:
    assert {item.task for item in items()[:5]} == set(all_tasks())
    for task in all_tasks():
        mine = [item for item in items() if item.task == task]
        assert len(mine) == 12 and len({json.dumps(item.inputs) for item in mine}) == 12
        known = set(all_tasks()[task].Inputs.model_fields)
        assert all(set(item.inputs) <= known and (item.reference or task == "generate") for item in mine)
    assert all(item.reference in item.inputs["context"] for item in items() if item.task == "answer")
    assert {item.reference for item in items() if item.task == "sentiment"} == {"positive", "negative"}
    assert {item.inputs["target"] for item in items() if item.task == "translate"} <= set(CODES)


def test_an_adapter_that_breaks_the_model_got_worse_and_the_base_did_not(
    broken: LocalModelHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = items()[:35]
    monkeypatch.setattr(forgetting, "items", lambda: some)
    cache = baseline_cache(tmp_path, "tiny")
    same = by_task(asyncio.run(measure_forgetting((broken.client(), broken.client()), cache, budget_s=300)))
    assert set(same) == set(all_tasks()) and not any(skill.difference.worse for skill in same.values())
    found = [skill.difference for skill in same.values()]
    assert all(one.rows == 7 and one.base == pytest.approx(one.adapter, rel=1e-5) for one in found)  # other company
    assert same["sentiment"].difference.base > 60 and 1 < same["generate"].difference.base < 6  # what it was made for
    lost = by_task(
        asyncio.run(measure_forgetting((broken.client(), broken.client(adapter="broken")), cache, budget_s=300))
    )
    assert lost["translate"].difference.worse and lost["generate"].difference.worse
    assert lost["translate"].difference.base == same["translate"].difference.base
    told: Any = lost["generate"].to_dict()
    assert told["worse"] and told["adapter"] > told["base"] and told["measure"] == "perplexity"


@pytest.mark.parametrize(
    ("measure", "base", "adapter", "worse"),
    [
        ("perplexity", 2.8, 2.82, False),
        ("perplexity", 2.8, 3.1, True),
        ("chrF", 94.0, 93.4, False),
        ("chrF", 94.0, 90.0, True),
    ],
)
def test_a_loss_that_nobody_would_notice_is_none(measure: str, base: float, adapter: float, worse: bool) -> None:
    """Twelve stories that each surprise the model a trifle more are no chance, and yet nothing that was forgotten."""
    low, high = (0.001, 1.0) if measure == "perplexity" else (-9.0, -0.1)
    found = PairedDifference(measure, base, adapter, low, high, 12, measure == "perplexity")
    assert found.worse and TaskScore("generate", found).worse is worse
    assert TaskScore("generate", found).to_dict()["worse"] is worse


def test_the_base_is_asked_once_and_remembered(
    host: LocalModelHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = host.client(), host.client("adapter")
    asked: list[SamplingClient] = []
    predict = forgetting._predict

    async def count(client: SamplingClient, item: forgetting.Item) -> forgetting.Prediction:
        asked.append(client)
        return await predict(client, item)

    monkeypatch.setattr(forgetting, "_predict", count)
    some = items()[:10]
    monkeypatch.setattr(forgetting, "items", lambda: some)
    first = asyncio.run(measure_forgetting(clients, baseline_cache(tmp_path, "tiny")))
    assert asked.count(clients[0]) == asked.count(clients[1]) == 10
    again = asyncio.run(measure_forgetting(clients, baseline_cache(tmp_path, "tiny")))
    assert asked.count(clients[0]) == 10 and asked.count(clients[1]) == 20
    assert [one.difference.base for one in again] == pytest.approx([one.difference.base for one in first])
    asyncio.run(measure_forgetting(clients, baseline_cache(tmp_path, "another")))
    assert asked.count(clients[0]) == 20
    for path in tmp_path.iterdir():
        path.write_text("torn", encoding="utf-8")
    anew = asyncio.run(measure_forgetting(clients, baseline_cache(tmp_path, "tiny")))
    assert [one.difference.base for one in anew] == pytest.approx([one.difference.base for one in first])


def test_when_the_time_is_spent_each_task_has_its_share(host: LocalModelHost, tmp_path: Path) -> None:
    clients = host.client(), host.client("adapter")
    found = asyncio.run(measure_forgetting(clients, baseline_cache(tmp_path, "tiny"), budget_s=0.01))
    rows = [skill.difference.rows for skill in found]
    assert rows and max(rows) - min(rows) <= 2 and max(rows) < 12 and not any(skill.difference.worse for skill in found)
