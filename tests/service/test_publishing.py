"""A finished run becomes a published, swapped-in, measured adapter."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playground.adapters.info import MAX_NAME_CHARS
from playground.errors import AdapterError, EngineError, TrainingError
from playground.evaluation import report
from playground.evaluation.forgetting import items
from playground.models.loader import LoadedModel, load_model
from playground.service.probes import PROBES_FILE
from playground.service.publishing import publish_step
from playground.training.config import TrainingConfig
from playground.training.jobs.job import Job
from playground.training.preflight import client as preflight_client
from playground.training.preflight.result import preflight_request
from tests.service.conftest import PATIENCE_S, PROBES, Taught
from tests.support.asking import until
from tests.support.exchange import host_of, running_services
from tests.support.tiny import make_llama
from tests.support.training_runs import stored


def published(taught: Taught) -> Any:
    callbacks = taught.hooks()
    return taught.store.get("ann", callbacks.on_trained(taught.job, taught.kept(5)))


def test_the_adapter_is_published_swapped_in_and_measured(taught: Taught) -> None:
    card = published(taught)
    assert card.name == "Animals" and card.receipt.base_unchanged and card.id in taught.resident()
    told = card.report
    assert set(told) == {"verdict", "measures", "confusion", "rows", "skills", "best_step", "step"}
    assert (told["best_step"], told["step"], told["confusion"]) == (5, 5, None)
    main = told["measures"][0]
    assert [one["name"] for one in told["measures"]] == ["F1", "exact match"] and main["rows"] == 7
    assert {skill["task"] for skill in told["skills"]} == {item.task for item in items()}
    said = [sentence["template"].format(**sentence["fields"]) for sentence in told["verdict"]]
    assert "On the 7 examples" in said[0] and said[1] == "It was best at step 5 of 10; after that it memorized."
    metrics = {name: card.metrics[name] for name in ("measure", "measured_rows", "score_before", "score_after")}
    assert metrics == {
        "measure": "F1",
        "measured_rows": 7,
        "score_before": round(main["base"], 2),
        "score_after": round(main["adapter"], 2),
    }


def test_an_adapter_that_cannot_be_measured_is_still_there(
    taught: Taught, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise EngineError("The model failed on this request.")

    monkeypatch.setattr(report, "compare", fail)
    card = published(taught)
    assert card.id in taught.resident() and card.report == {} and "measure" not in card.metrics
    assert "could not be measured" in caplog.text


def test_a_closing_app_does_not_wait_for_the_measures(taught: Taught, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next app, which resumes the run, measures the adapter that is there instead of making another."""
    entered = threading.Event()

    async def forever(*_: object, **__: object) -> None:
        entered.set()
        await asyncio.Event().wait()

    callbacks = taught.hooks()
    with monkeypatch.context() as held:
        held.setattr(report, "compare", forever)
        given: list[str] = []
        run = threading.Thread(target=lambda: given.append(callbacks.on_trained(taught.job, taught.kept(5))))
        run.start()
        assert entered.wait(PATIENCE_S)
        callbacks.on_close()
        run.join(PATIENCE_S)
    (card,) = taught.store.list("ann")
    assert given == [card.id] and card.report == {}
    again = published(taught)
    assert again.id == card.id and again.report["step"] == 5 and len(taught.store.list("ann")) == 1


def test_an_adapter_that_cannot_be_swapped_in_is_not_published(taught: Taught, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(key: str, folder: Path) -> None:
        raise AdapterError("With this adapter the model's numbers overflow, so it cannot be used.")

    monkeypatch.setattr(taught.host, "load_adapter", refuse)
    with pytest.raises(AdapterError):
        published(taught)
    with pytest.raises(AdapterError):
        publish_step(taught.host, taught.store, taught.job, 10)
    assert taught.store.list("ann") == []


def test_any_kept_step_becomes_an_adapter_beside_the_others(taught: Taught) -> None:
    first = published(taught)
    card = taught.store.get("ann", publish_step(taught.host, taught.store, taught.job, 10))
    assert card.name == "Animals, step 10" and {first.id, card.id} <= taught.resident()
    told: Any = card.report
    assert (told["step"], told["best_step"]) == (10, 5) and card.source["step"] == 10
    assert card.metrics["held_out_loss_after"] == 2.5
    assert told["verdict"][1]["fields"] == {"step": 10, "best": 5, "last": 10}
    with pytest.raises(TrainingError, match="nothing of step 7"):
        publish_step(taught.host, taught.store, taught.job, 7)
    (taught.kept(5) / "adapter_model.safetensors").write_bytes(b"damaged")
    with pytest.raises(TrainingError, match="nothing of step 5"):
        publish_step(taught.host, taught.store, taught.job, 5)
    assert len(taught.store.list("ann")) == 2


def test_a_long_name_keeps_its_step(taught: Taught) -> None:
    object.__setattr__(taught.job.spec, "name", "N" * MAX_NAME_CHARS)
    card = taught.store.get("ann", publish_step(taught.host, taught.store, taught.job, 5))
    assert card.name.endswith("N, step 5") and len(card.name) == MAX_NAME_CHARS


ELSEWHERE = "e" * 64


def of_another_model(taught: Taught, **known: str) -> Taught:
    """The run as it is when a model of the same shape has taken the place of its own."""
    spec = replace(taught.job.spec, base_fingerprint=ELSEWHERE, **known)
    return replace(taught, job=Job(spec, taught.job.folder))


def test_a_result_for_another_model_is_kept_under_its_own(taught: Taught) -> None:
    """Defends the answers of both models: the adapter says which one it is for, and does not enter the other."""
    taught = of_another_model(taught, model_name="Big one")
    callbacks = taught.hooks()
    callbacks.on_checkpoint(taught.job, taught.kept(5))
    card = published(taught)
    step = taught.store.get("ann", publish_step(taught.host, taught.store, taught.job, 10))
    for one in (card, step):
        assert (one.base_model, one.base_fingerprint) == ("Big one", ELSEWHERE)
        assert one.receipt is None and one.report == {}
    assert published(taught).id == card.id
    assert taught.resident() == set() and not (taught.job.folder / PROBES_FILE).exists()
    assert not taught.store.data.base_answers.exists()
    said = callbacks.remark(taught.job)
    assert "neither switched on nor measured" in said["template"]
    assert said["fields"]["reason"]["fields"]["wanted"] == "Big one"


def test_an_old_run_has_the_name_of_its_folder(taught: Taught) -> None:
    taught = of_another_model(taught)
    assert published(taught).base_model == Path(taught.job.spec.model).name


def test_a_result_for_the_loaded_model_has_nothing_to_add(taught: Taught) -> None:
    assert taught.hooks().remark(taught.job) == {}


def test_a_run_goes_on_while_another_model_is_loaded(loaded: LoadedModel, tmp_path: Path) -> None:
    """Defends a run through a change of the model, in a real worker: it learns on its own model and is kept for it."""
    other = load_model(str(make_llama(tmp_path / "other-llama", seed=7)), "none")
    data = tmp_path / "data"
    values = TrainingConfig(max_steps=40, r=4, lora_alpha=8, per_device_train_batch_size=4, early_stopping_patience=0)
    with running_services(loaded, data) as services:
        job_id = services.finetuning._jobs.start(
            "ann",
            "Animals",
            stored(),
            values,
            model=str(services.models.info.folder),
            model_name=services.models.info.name,
            quantization="none",
            base_fingerprint=services.models.info.fingerprint,
            probes=PROBES[:1],
        )
        services.close()  # as when the app ends: at once, or after the running step
        assert services.finetuning.state("ann", job_id)["state"] == "interrupted"
    with running_services(other, data) as services:
        services.finetuning.resume("ann", job_id)
        until(
            lambda: services.finetuning.state("ann", job_id)["state"] not in ("waiting", "starting", "training"), 120.0
        )
        state = services.finetuning.state("ann", job_id)
        assert state["state"] == "done", state["message"]
        assert "neither switched on nor measured" in state["message"] and "tiny-llama" in state["message"]
        card = services.adapters.get("ann", str(state["adapter"]))
        assert (card.base_model, card.base_fingerprint) == (loaded.info.name, loaded.info.fingerprint)
        assert host_of(services).status().adapters_resident == ()
        assert services.finetuning.probe_answers("ann", job_id) == []
    with running_services(loaded, data) as services:
        assert asyncio.run(services.adapters.client("ann", card.id)).adapter == card.id


def test_nothing_is_tried_beside_a_worker_nor_a_measurement(taught: Taught, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either would be slowed down, and would tell wrong figures."""

    def tried(*_: object) -> None:
        raise TrainingError("It is tried.")

    async def look(*_: object, **__: object) -> None:
        said.append(outcome())

    def outcome() -> str:
        asked = taught.preflight.measure(
            preflight_request("ann", *stored(), model="m", quantization="none"), TrainingConfig()
        )
        return str(asked.exception(PATIENCE_S))

    said: list[str] = []
    monkeypatch.setattr(preflight_client, "_Process", tried)
    monkeypatch.setattr(report, "compare", look)
    hooks = taught.hooks()
    assert outcome() == "It is tried."
    hooks.on_worker_start()
    assert outcome().startswith("Another run is going on")
    hooks.on_worker_end()
    assert outcome() == "It is tried."
    hooks.on_trained(taught.job, taught.kept(5))
    assert said[0].startswith("Another run is going on")
    assert outcome() == "It is tried."
    hooks.on_close()
