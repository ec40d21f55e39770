"""Defends that the model can be changed while it is in use: everybody reads and hears one model, never two."""

import asyncio
import shutil
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from playground.engine import host as host_module
from playground.engine.host import LocalModelHost
from playground.errors import BusyError, EngineError, ModelError
from playground.models import loader
from playground.models.loader import LoadedModel, load_model
from playground.protocol.client import SamplingClient
from playground.protocol.model import ModelInfo
from playground.protocol.sampling import SamplingParams
from tests.support.asking import PROMPT, until
from tests.support.tiny import make_llama

WAIT_S = 60.0


@pytest.fixture(scope="module")
def other_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the same shape with other weights."""
    return make_llama(tmp_path_factory.mktemp("other") / "tiny-other", seed=7)


@pytest.fixture
def host(tiny_model_folder: Path) -> Iterator[LocalModelHost]:
    held = LocalModelHost(load_model(str(tiny_model_folder), "none"))
    yield held
    held.close()


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which two models do not fit."""
    monkeypatch.setattr(host_module, "fits_beside", lambda folder: False)


def answer(client: SamplingClient, most: int = 24) -> str:
    async def last() -> str:
        text = ""
        async for output in client.generate(client.tokenizer.encode(PROMPT), SamplingParams(most, temperature=0.0)):
            text = output.text
        return text

    return asyncio.run(last())


def but_for_speed(info: ModelInfo) -> ModelInfo:
    """Without what is measured anew at each load."""
    return info.model_copy(update={"kernels": {}, "memory_gib": 0.0})


def test_there_and_back(
    host: LocalModelHost, tiny_model_folder: Path, other_folder: Path, adapters: list[Path]
) -> None:
    """Facts, answers and generation follow; adapters go with their model; whoever subscribed is told."""
    told: list[ModelInfo] = []
    host.subscribe(told.append)
    first, said = host.info, answer(host.client())
    host.load_adapter("a", adapters[0])
    assert host.load(str(other_folder), "none") == host.info
    assert (host.info.name, host.info.folder) == ("tiny-other", other_folder)
    assert host.info.fingerprint != first.fingerprint
    assert host.info.max_adapter_bytes > 0
    assert answer(host.client()) != said
    assert host.status().adapters_resident == ()
    assert (host.state().phase, host.state().generation, host.state().failed) == ("ready", 2, None)
    host.load(str(tiny_model_folder), "none")
    assert but_for_speed(host.info) == but_for_speed(first)
    assert (answer(host.client()), host.state().generation) == (said, 3)
    assert [info.name for info in told] == ["tiny-other", "tiny-llama"]


@pytest.mark.usefixtures("no_room")
def test_one_model_at_a_time_is_in_memory(
    host: LocalModelHost, other_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the larger of two that fit could not be loaded; what failed half-way is gone before the old one is back."""
    broken = Path(shutil.copytree(other_folder, tmp_path / "broken"))
    lose_weights(broken)
    models: weakref.WeakSet[object] = weakref.WeakSet([host._live()._loaded.model])
    before: list[int] = []
    check = loader._check_complete

    def counted(*given: str, **options: object) -> LoadedModel:
        before.append(len(models))
        return load_model(*given, **options)  # type: ignore[arg-type]

    def noted(found: object, model: object, *rest: object) -> None:
        models.add(model)
        check(found, model, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(host_module, "load_model", counted)
    monkeypatch.setattr(loader, "_check_complete", noted)
    host.load(str(other_folder), "none")
    with pytest.raises(ModelError):
        host.load(str(broken), "none")
    assert before == [0, 0, 0]
    assert len(models) == 1


@pytest.mark.usefixtures("no_room")
def test_who_asked_for_the_old_model_never_hears_the_new_one(host: LocalModelHost, other_folder: Path) -> None:
    old = host.client()
    host.load(str(other_folder), "none")
    with pytest.raises(EngineError, match="being changed"):
        answer(old)
    with pytest.raises(EngineError, match="being changed"):
        asyncio.run(old.compute_logprobs([70, 81], [[73]]))


@pytest.mark.usefixtures("no_room")
def test_an_answer_ends_before_the_model_changes(
    host: LocalModelHost, other_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is whole; meanwhile nobody can begin, and while the next model loads neither."""
    loading, go_on = threading.Event(), threading.Event()

    def slowly(*given: str, **options: object) -> LoadedModel:
        loading.set()
        assert go_on.wait(WAIT_S)
        return load_model(*given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(host_module, "load_model", slowly)
    alone = answer(host.client(), 400)
    client = host.client()
    with ThreadPoolExecutor(2) as threads:
        running = threads.submit(answer, client, 400)
        until(lambda: host.status().running == 1)
        changing = threads.submit(host.load, str(other_folder), "none")
        until(lambda: host.state().phase == "draining" or loading.is_set())
        with pytest.raises(BusyError, match=r"being changed to .*tiny-other"):
            host.client()
        assert running.result(WAIT_S) == alone
        assert loading.wait(WAIT_S)
        assert (host.state().phase, host.status().running) == ("loading", 0)
        for ask in (host.client, lambda: host.unload_adapter("a")):
            with pytest.raises(BusyError, match="Try again"):
                ask()
        host.set_threads(1)  # as a run that begins or ends just now does
        go_on.set()
        assert changing.result(WAIT_S).name == "tiny-other"
    assert answer(host.client())


def break_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def lose_weights(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def test_a_model_that_is_seen_to_be_damaged_disturbs_nobody(
    host: LocalModelHost, other_folder: Path, tmp_path: Path, adapters: list[Path]
) -> None:
    """Before anything was closed: requests, clients and adapters of the model stay as they were."""
    broken = Path(shutil.copytree(other_folder, tmp_path / "broken"))
    break_config(broken)
    client, said = host.client(), answer(host.client())
    host.load_adapter("a", adapters[0])
    for model, says in ((str(broken), "cannot be loaded"), (str(tmp_path / "nowhere"), "no model")):
        with pytest.raises(ModelError, match=says) as raised:
            host.load(model, "none")
        assert (host.state().phase, host.state().generation) == ("ready", 1)
        assert str(host.state().failed) == str(raised.value)
    assert answer(client) == said
    assert host.status().adapters_resident == ("a",)


@pytest.mark.usefixtures("no_room")
def test_a_model_that_fails_while_it_loads_gives_way_to_the_one_from_before(
    host: LocalModelHost, other_folder: Path, tmp_path: Path, adapters: list[Path]
) -> None:
    told: list[ModelInfo] = []
    host.subscribe(told.append)
    broken = Path(shutil.copytree(other_folder, tmp_path / "broken"))
    lose_weights(broken)
    info, said, old = host.info, answer(host.client()), host.client()
    host.load_adapter("a", adapters[0])
    with pytest.raises(ModelError, match="incomplete: 1 are missing") as raised:
        host.load(str(broken), "none")
    state = host.state()
    assert (state.phase, state.generation, str(state.failed)) == ("ready", 1, str(raised.value))
    assert (but_for_speed(host.info), answer(host.client()), told) == (but_for_speed(info), said, [])
    assert host.status().adapters_resident == ()
    assert host.load_adapter("a", adapters[0]).base_unchanged
    with pytest.raises(EngineError, match="being changed"):
        answer(old)
    assert host.load(str(other_folder), "none").name == "tiny-other"
    assert host.state().failed is None


@pytest.mark.usefixtures("no_room")
def test_a_fault_that_nobody_foresaw_ends_the_same_way(
    host: LocalModelHost, other_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, serve = answer(host.client()), host_module.LocalModelHost._serve

    def fail(self: LocalModelHost, loaded: LoadedModel) -> host_module._Served:
        if loaded.info.name == "tiny-other":
            raise KeyError("inner workings")
        return serve(self, loaded)

    monkeypatch.setattr(host_module.LocalModelHost, "_serve", fail)
    with pytest.raises(ModelError, match=r"cannot be loaded.*\(KeyError\)"):
        host.load(str(other_folder), "none")
    assert "KeyError" in str(host.state().failed)
    assert answer(host.client()) == said


def test_nobody_waits_where_both_models_fit(host: LocalModelHost, other_folder: Path) -> None:
    """Answers that run end on the model that they began on, later ones are the new one's, and the old one goes."""
    alone, engine = answer(host.client(), 400), weakref.ref(host._live())
    began = threading.Event()

    async def long(client: SamplingClient) -> str:
        text = ""
        tokens = client.tokenizer.encode(PROMPT)
        async for output in client.generate(tokens, SamplingParams(400, temperature=0.0)):
            text = output.text
            began.set()
        return text

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(asyncio.run, long(host.client()))
        assert began.wait(WAIT_S)
        assert host.load(str(other_folder), "none").name == "tiny-other"
        assert not running.done()
        assert answer(host.client()) != alone[: len(answer(host.client()))]
        assert running.result(WAIT_S) == alone
    until(lambda: engine() is None)


def test_weights_that_are_no_numbers(host: LocalModelHost, other_folder: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(other_folder, tmp_path / "broken"))
    tensors = load_file(broken / "model.safetensors")
    tensors["model.layers.1.mlp.up_proj.weight"][3, 3] = float("nan")
    save_file(tensors, broken / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="no numbers"):
        host.load(str(broken), "none")
    assert answer(host.client())


def test_a_model_that_fails_beside_the_old_one_disturbs_nobody(
    host: LocalModelHost, other_folder: Path, tmp_path: Path, adapters: list[Path]
) -> None:
    broken = Path(shutil.copytree(other_folder, tmp_path / "broken"))
    lose_weights(broken)
    client, said = host.client(), answer(host.client())
    host.load_adapter("a", adapters[0])
    with pytest.raises(ModelError, match="incomplete"):
        host.load(str(broken), "none")
    assert (host.state().phase, answer(client), host.status().adapters_resident) == ("ready", said, ("a",))
