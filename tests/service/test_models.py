"""Defends who may change the model, when, and that a change belongs to the server and is remembered."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playground.data_dir import OPERATOR, DataDir
from playground.errors import BusyError, InputError, ModelError
from playground.protocol.model import ModelHost
from playground.service.model_change import ModelChange, ModelChanger, note_chosen, read_chosen
from playground.service.model_choices import ModelChoices
from playground.service.model_downloads import ModelDownloads
from playground.service.models import ModelService
from playground.service.owners import OPERATOR_HEADER, Owners
from playground.service.services import Services
from tests.support.asking import until
from tests.support.exchange import host_of, make_settings
from tests.support.gguf import write_gguf
from tests.support.hub import MODEL, running_hub, use_hub
from tests.support.tiny import make_llama
from tests.support.tiny_model import TINY

KEY = "a key of the operator's"


@pytest.fixture(scope="module")
def other_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_llama(tmp_path_factory.mktemp("other") / "tiny-other", seed=7)


def service(host: ModelHost, folder: Path, busy: Callable[[], set[str]] = set, **settings: Any) -> ModelService:
    data = DataDir(folder)
    choices, downloads = ModelChoices(host, data, "public"), ModelDownloads(data)
    changer = ModelChanger(host, downloads, busy, choices.is_here, note_chosen(data))
    return ModelService(replace(make_settings(folder), **settings), host, choices, downloads, changer)


async def followed(models: ModelService) -> list[ModelChange]:
    return [one async for one in models.follow()]


async def ended(models: ModelService) -> ModelChange:
    return (await followed(models))[-1]


def test_a_change_is_followed_and_remembered(services: Services, tmp_path: Path, other_folder: Path) -> None:
    host = host_of(services)
    models = service(host, tmp_path, model_picker=("operator",))
    before = host.info
    models.use(OPERATOR, True, str(other_folder))
    seen = asyncio.run(followed(models))
    last = seen[-1]
    assert {one.phase for one in seen} <= {"draining", "loading", "ready"}  # there was nothing to fetch
    assert (last.phase, last.name, models.info.name, models.generation) == ("ready", "tiny-other", "tiny-other", 2)
    assert read_chosen(DataDir(tmp_path)) == (str(other_folder), "auto")
    assert [one.name for one in models.choices(True) if one.current] == ["tiny-other"]
    models.use(OPERATOR, True, str(before.folder))
    assert asyncio.run(ended(models)).phase == "ready"


def test_a_gguf_file_is_unpacked_once_and_is_a_model_from_then_on(services: Services, tmp_path: Path) -> None:
    host, file = host_of(services), write_gguf(TINY, tmp_path / "My-Model.gguf")
    models = service(host, tmp_path / "data", model_picker=("operator",))
    before = host.info
    models.use(OPERATOR, True, str(file))
    seen = asyncio.run(followed(models))
    assert {one.phase for one in seen} <= {"draining", "loading", "ready"}
    assert file.stat().st_size in {one.total_bytes for one in seen}  # whoever waits sees how far it is
    assert (seen[-1].phase, models.info.name) == ("ready", "My-Model")
    made = models.info.folder
    assert read_chosen(DataDir(tmp_path / "data")) == (str(made), "auto")
    file.unlink()  # it is needed no more
    models.use(OPERATOR, True, str(before.folder))
    asyncio.run(ended(models))
    (kept,) = [one for one in models.choices(True) if one.name == "My-Model"]
    models.use(OPERATOR, True, kept.id)
    assert (asyncio.run(ended(models)).phase, models.info.folder) == ("ready", made)
    with pytest.raises(InputError, match="answers now"):
        models.forget(True, kept.id)
    models.use(OPERATOR, True, str(before.folder))
    asyncio.run(ended(models))
    models.forget(True, kept.id)
    assert not made.exists()
    assert not [one for one in models.choices(True) if one.name == "My-Model"]


def test_a_file_that_is_no_gguf_leaves_the_old_model(services: Services, tmp_path: Path) -> None:
    models = service(host_of(services), tmp_path / "data", model_picker=("operator",))
    broken, gone = tmp_path / "broken.gguf", tmp_path / "gone.gguf"
    broken.write_bytes(b"GGUF")
    for file, told in ((broken, r"broken\.gguf cannot be read as a GGUF file"), (gone, "There is no file")):
        with pytest.raises(ModelError, match=told):
            models.use(OPERATOR, True, str(file))
    assert models.change() is None


def test_a_damaged_memory_of_the_choice_is_not_heeded(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    assert read_chosen(data) is None
    for text in ("{", "[]", '{"model": "x"}', '{"model": "x", "quantization": "3bit"}'):
        data.chosen_model.write_text(text)
        assert read_chosen(data) is None


@pytest.mark.parametrize(
    ("picker", "strangers", "operators"),
    [(("auto",), False, False), (("off",), False, False), (("operator",), False, True), (("starter",), True, True)],
)
def test_who_may(services: Services, tmp_path: Path, picker: tuple[str, ...], strangers: bool, operators: bool) -> None:
    """In public; whoever may not gets a sentence, and nothing happens."""
    models = service(host_of(services), tmp_path, model_picker=picker)
    for operator, may in ((False, strangers), (True, operators)):
        assert models.may_choose(operator) == may
        assert bool(models.choices(operator)) == may
        if not may:
            with pytest.raises(InputError, match="operator"):
                models.use("ann", operator, "starter")
    with pytest.raises(InputError, match="operator"):
        models.use("ann", False, "Qwen/Qwen3-0.6B")
    for forbidden in (models.search, models.get, models.forget):
        with pytest.raises(InputError, match="operator"):
            forbidden(False, "Qwen/Qwen3-0.6B")
    assert models.change() is None


def test_visitors_see_only_what_they_may_choose(services: Services, tmp_path: Path) -> None:
    models = service(host_of(services), tmp_path, model_picker=("starter", "Qwen/Qwen3-0.6B"))
    assert {one.id for one in models.choices(False)} == {"starter", "Qwen/Qwen3-0.6B", host_of(services).info.id}


def test_the_operators_key(tmp_path: Path) -> None:
    owners = Owners(DataDir(tmp_path), "public", KEY)
    assert owners.is_operator({OPERATOR_HEADER: KEY})
    assert owners.is_operator({}, KEY)
    for wrong in ("", KEY[:-1], KEY + "x", "\udcff", "é"):
        assert not owners.is_operator({OPERATOR_HEADER: wrong})
    assert not Owners(DataDir(tmp_path), "public").is_operator({OPERATOR_HEADER: ""})
    assert Owners(DataDir(tmp_path), "local").is_operator({})


def test_not_while_somebody_trains(services: Services, tmp_path: Path, other_folder: Path) -> None:
    busy: set[str] = {"bob"}
    models = service(host_of(services), tmp_path, lambda: busy, model_picker=("operator",))
    with pytest.raises(BusyError, match="Somebody's training"):
        models.use("ann", True, str(other_folder), while_training=True)
    busy = {"ann"}
    with pytest.raises(BusyError, match="A training of yours"):
        models.use("ann", True, str(other_folder))
    before = str(models.info.folder)
    models.use("ann", True, str(other_folder), while_training=True)
    assert asyncio.run(ended(models)).phase == "ready"
    models.use("ann", True, before, while_training=True)
    assert asyncio.run(ended(models)).phase == "ready"


def test_of_two_who_press_at_once_one_is_told_to_wait(
    services: Services, tmp_path: Path, other_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, go_on = host_of(services), threading.Event()
    loaded: list[str] = []

    def slowly(model: str, quantization: str) -> None:
        loaded.append(model)
        assert go_on.wait(60)

    monkeypatch.setattr(host, "load", slowly)
    models = service(host, tmp_path, model_picker=("operator",))
    models.use("ann", True, str(other_folder))
    until(lambda: bool(loaded))
    models.use("bob", True, str(other_folder))  # the same: he follows
    with pytest.raises(BusyError, match="changed to tiny-other already"):
        models.use("bob", True, "starter")
    go_on.set()
    assert asyncio.run(ended(models)).phase == "ready"
    assert loaded == [str(other_folder)]


def test_what_does_not_fit_is_told_before_anything_happens(services: Services, tmp_path: Path) -> None:
    models = service(host_of(services), tmp_path, model_picker=("operator",))
    with pytest.raises(ModelError, match=r"does not fit this machine\. It takes .* GB of memory"):
        models.use(OPERATOR, True, "Qwen/Qwen3-32B")
    assert models.change() is None


def test_a_folder_without_a_model_leaves_the_old_one(services: Services, tmp_path: Path) -> None:
    models = service(host_of(services), tmp_path, model_picker=("operator",))
    before = models.info
    (tmp_path / "empty").mkdir()
    models.use(OPERATOR, True, str(tmp_path / "empty"))
    last = asyncio.run(ended(models))
    assert last.phase == "failed"
    assert "There is no model in" in str(last.failed)
    assert models.info == before
    assert read_chosen(DataDir(tmp_path)) is None


def test_visitors_do_not_change_it_back_and_forth(services: Services, tmp_path: Path, other_folder: Path) -> None:
    """Who may choose between some models waits a while after a change; a stranger's folder is not even looked at."""
    host = host_of(services)
    before = str(host.info.folder)
    models = service(host, tmp_path, model_picker=(str(other_folder), before))
    models.use("ann", False, str(other_folder))
    assert asyncio.run(ended(models)).phase == "ready"
    with pytest.raises(BusyError, match="Try again in 10 minutes"):
        models.use("bob", False, before)
    with pytest.raises(InputError, match="operator"):
        models.use("bob", False, str(tmp_path))
    models.use(OPERATOR, True, before)
    assert asyncio.run(ended(models)).phase == "ready"


def test_only_who_began_it_or_the_operator_stops_a_download(services: Services, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch, running_hub() as hub:
        use_hub(hub, tmp_path / "home", patch)
        hub.hold_after = 2**16
        models = service(host_of(services), tmp_path, model_picker=(MODEL,))
        models.use("ann", False, MODEL)
        until(lambda: bool((change := models.change()) and change.total_bytes))
        with pytest.raises(InputError, match="operator"):
            models.stop_download("bob", False, MODEL)
        models.stop_download("ann", False, MODEL)
        last = asyncio.run(ended(models))
        assert (last.phase, "was stopped" in str(last.failed)) == ("failed", True)
        models.close()


def test_what_the_settings_say_of_precision_holds_for_the_next_model_too(
    services: Services, tmp_path: Path, other_folder: Path
) -> None:
    host = host_of(services)
    before = str(host.info.folder)
    models = service(host, tmp_path, model_picker=("operator",), quantization="none")
    models.use(OPERATOR, True, str(other_folder))
    assert asyncio.run(ended(models)).phase == "ready"
    assert models.info.quantization == "none"
    models.use(OPERATOR, True, before, "4bit")
    assert asyncio.run(ended(models)).phase == "ready"
    assert models.info.quantization == "4bit"
