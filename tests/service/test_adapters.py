"""Adapters are used, renamed and deleted beside a live model, by whoever may and for the model that they are of."""

import asyncio
import errno
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from playground import files as disk
from playground.errors import AdapterError
from playground.models.loader import LoadedModel, load_model
from playground.protocol.messages import BASE
from playground.protocol.requests import GenerateRequest
from playground.protocol.sampling import SamplingParams
from playground.service.owners import HEADER
from playground.service.services import Services
from playground.ui.components.adapter_picker import picked
from playground.ui.tabs import adapters as adapters_tab
from tests.support.exchange import as_kept_earlier, data_of, host_of, imported, running_services, store_of, zip_of
from tests.support.tiny import damage, make_llama


def test_the_same_twice_renamed_and_deleted(services: Services, adapters: list[Path], tmp_path: Path) -> None:
    """Defends each copy's own life: another name, another id, and one can go while the other answers."""
    path = zip_of(adapters[0], tmp_path / "in.zip")
    one, other = (
        imported(services, "ann", "Mine", path),
        imported(services, "ann", "mine", path),
    )
    assert (one.name, other.name) == ("Mine", "mine 2")
    services.adapters.rename("ann", one.id, "Yours")
    for card in (one, other):
        assert asyncio.run(services.adapters.client("ann", card.id)).adapter == card.id
    assert asyncio.run(services.adapters.client("ann", "yours")).adapter == one.id
    services.adapters.delete_adapter("ann", one.id)
    assert [card.id for card in services.adapters.list("ann")] == [other.id]
    assert host_of(services).status().adapters_resident == (other.id,)
    with pytest.raises(AdapterError, match="no adapter 'Yours'"):
        asyncio.run(services.adapters.client("ann", "Yours"))


def test_deleted_while_it_answers(
    services: Services, adapters: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defends the answer that is being written: it ends as it would have, and the adapter is gone after it.

    Its files stay until then: one that had to leave memory is read again for whoever waits.
    """
    card = imported(services, "ann", "Mine", zip_of(adapters[0], tmp_path / "in.zip"))
    services.adapters.load("ann", card)
    tokens = tuple(host_of(services).tokenizer.encode("Once upon a time"))
    request = GenerateRequest(tokens, SamplingParams(300, 0.0, stop=()), adapter=card.id)
    whole = host_of(services)._live().submit(request).result(30)
    running = host_of(services)._live().submit(request)
    unload, there = host_of(services).unload_adapter, []

    def watched(key: str) -> None:
        unload(key)
        there.append(card.folder.is_dir())

    monkeypatch.setattr(host_of(services), "unload_adapter", watched)
    services.adapters.delete_adapter("ann", card.id)
    assert there == [True] and not card.folder.exists()
    assert running.result(30) == whole
    with pytest.raises(AdapterError, match="no adapter"):
        host_of(services)._live().submit(request)
    assert host_of(services)._live().submit(GenerateRequest(tokens, adapter=BASE)).result(30).num_tokens > 0


def test_deleted_before_it_was_ever_used(services: Services, adapters: list[Path]) -> None:
    """Defends deleting after a restart, when the live model has not met the adapter."""
    card = store_of(services).publish("ann", "Mine", adapters[0])
    assert services.adapters.delete_adapter("ann", card.id).id == card.id
    assert services.adapters.list("ann") == []


def test_a_full_disk_keeps_the_old_name(
    services: Services, adapters: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defends an adapter's manifest when there is no room for a new one."""
    card = store_of(services).publish("ann", "Mine", adapters[0])

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(disk.os, "fsync", full)
    with pytest.raises(AdapterError, match="disk is full"):
        services.adapters.rename("ann", card.id, "Yours")
    assert services.adapters.list("ann") == [card]
    assert len(list(card.folder.iterdir())) == 3


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """A model of the same shape as the shared one, with other weights."""
    return load_model(str(make_llama(tmp_path_factory.mktemp("models") / "other-llama", seed=7)), "none")


def test_one_for_another_model_of_the_same_shape(
    services: Services, other: LoadedModel, adapters: list[Path], tmp_path: Path
) -> None:
    """Defends the answers after a start with another model: its shapes fit, and yet it is not for this one."""
    card = imported(services, "ann", "Mine", zip_of(adapters[0], tmp_path / "in.zip"))
    with running_services(other, data_of(services).root) as later:
        for adapter in ("Mine", card.id):
            with pytest.raises(AdapterError, match=r"'Mine' is for the model tiny-llama, .*other-llama is loaded"):
                asyncio.run(later.adapters.client("ann", adapter))
        with pytest.raises(AdapterError, match="is for the model tiny-llama"):
            asyncio.run(anext(later.downloads.whole("ann", card.id)))
        assert host_of(later).status().adapters_resident == ()
        assert [listed.id for listed in later.adapters.list("ann")] == [card.id]
        assert Path(later.downloads.zipped("ann", card.id)).is_file()
    assert asyncio.run(services.adapters.client("ann", "Mine")).adapter == card.id


def test_the_same_name_with_other_weights(services: Services, adapters: list[Path]) -> None:
    """Defends whoever has trained the base itself anew: the sentence does not name one model twice."""
    base = host_of(services).info
    card = store_of(services).publish("ann", "Mine", adapters[0], base_model=base.name, base_fingerprint="e" * 64)
    with pytest.raises(AdapterError, match="other weights of tiny-llama"):
        asyncio.run(services.adapters.client("ann", card.id))


def test_one_for_another_model_is_shown_and_not_chosen(services: Services, adapters: list[Path]) -> None:
    """Defends the page: it is listed, with what it is for, but not offered to answer, nor chosen by itself."""
    key = services.owners.issue()
    request = cast(Any, SimpleNamespace(headers={HEADER: key}))
    owner = services.owners.owner({HEADER: key})
    foreign = store_of(services).publish(owner, "Foreign", adapters[0], base_model="big", base_fingerprint="e" * 64)
    mine = store_of(services).publish(owner, "Mine", adapters[0])
    assert services.adapters.choices(owner) == [("Mine", mine.id)]
    assert picked(services, owner, mine.id).value == mine.id
    assert picked(services, owner, foreign.id).value == BASE
    for adapter, usable in ((mine, True), (foreign, False)):
        listed, _, _, title, _, _, _, _, using, *_ = adapters_tab._draw(services, request, adapter.id)
        assert using.visible is usable
        assert ("for another model: big" in title) is not usable
        lines = {identity: line for line, identity in listed.choices}
        assert lines[foreign.id].endswith("for another model: big") and "another" not in lines[mine.id]


def test_an_owner_who_comes_back_after_the_folders_moved(services: Services, adapters: list[Path]) -> None:
    """Defends both: whose adapters lay under a hash that nobody could read, and who is using a public one of them."""
    key = services.owners.issue()
    owner = services.owners.owner({HEADER: key})
    shared = store_of(services).publish(owner, "Shared", adapters[0], visibility="public")
    mine = store_of(services).publish(owner, "Mine", adapters[1])
    old = as_kept_earlier(data_of(services), owner)
    for _ in range(2):  # the second time the live model has it already
        assert asyncio.run(services.adapters.client("bob", "Shared")).adapter == shared.id
    assert services.adapters.get("bob", "Shared").folder.parent == old
    assert {identity for _, identity in services.adapters.choices(services.owners.owner({HEADER: key}))} == {
        shared.id,
        mine.id,
    }
    assert not old.exists() and mine.folder.is_dir()
    for asking in ("bob", owner):
        assert asyncio.run(services.adapters.client(asking, "Shared")).adapter == shared.id
    services.adapters.delete_adapter(owner, shared.id)
    with pytest.raises(AdapterError, match="no adapter 'Shared'"):
        asyncio.run(services.adapters.client("bob", "Shared"))


def _naming(folder: Path, to: Path, base: str) -> Path:
    """A copy that names another base model."""
    copied = shutil.copytree(folder, to)
    config = json.loads((copied / "adapter_config.json").read_text())
    (copied / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": base}))
    return zip_of(copied, to.with_suffix(".zip"))


@pytest.mark.parametrize(
    ("base", "told"),
    [
        ("unsloth/Tiny-Chat-bnb-4bit", "unsloth/Tiny-Chat-bnb-4bit"),
        ("C:\\models\\tiny-chat", "tiny-chat"),
        ("/home/ann/models/tiny-chat/", "tiny-chat"),
        ("./out/tiny-chat", "tiny-chat"),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "SmolLM2 135M"),
    ],
)
def test_one_that_names_another_model_is_kept_for_it(
    services: Services, adapters: list[Path], tmp_path: Path, base: str, told: str
) -> None:
    """Defends what came: it says which model it names, answers on no other unasked, and can be used all the same."""
    service = services.adapters
    card = imported(services, "ann", "Mine", _naming(adapters[0], tmp_path / "in", base))
    assert (card.base_model, card.receipt) == (told, None)
    note = str(service.note(card))
    assert f"names {told} as its model, and {service._host.info.name} answers now" in note
    assert "use it there all the same" in note
    with pytest.raises(AdapterError, match="is for the model"):
        asyncio.run(service.client("ann", card.id))
    with pytest.raises(AdapterError, match="no adapter"):
        service.use_anyway("bob", card.id)
    taken = service.use_anyway("ann", card.id)
    assert taken.receipt and service.fits(taken) and service.note(taken) is None
    assert asyncio.run(service.client("ann", card.id)).adapter == card.id
    at_once = asyncio.run(service.import_adapter("ann", "At once", tmp_path / "in.zip", anyway=True))
    assert at_once.base_fingerprint == service._host.info.fingerprint


def test_one_whose_layers_are_others_is_for_its_own_model_alone(
    services: Services, adapters: list[Path], tmp_path: Path
) -> None:
    """Defends the offer: it is not made where it cannot hold, and an adapter that names no other model is refused."""
    bad = damage(tmp_path / "bad", adapters[0], "layer")
    with pytest.raises(AdapterError, match="no layer"):
        imported(services, "ann", "Mine", zip_of(bad, tmp_path / "bad.zip"))
    card = imported(services, "ann", "Mine", _naming(bad, tmp_path / "in", "people/wide"))
    assert not services.adapters.may_fit(card) and "all the same" not in str(services.adapters.note(card))
    with pytest.raises(AdapterError, match="is for the model people/wide"):
        services.adapters.use_anyway("ann", card.id)
    with pytest.raises(AdapterError, match="no layer"):
        asyncio.run(services.adapters.import_adapter("ann", "Here", tmp_path / "in.zip", anyway=True))


def test_one_by_its_name_answers_once_its_model_is_loaded(
    services: Services, other: LoadedModel, adapters: list[Path], tmp_path: Path
) -> None:
    """Defends an adapter that was made elsewhere: it can name its model only."""
    card = imported(services, "ann", "Mine", _naming(adapters[0], tmp_path / "in", "/there/other-llama"))
    assert not services.adapters.fits(card)
    with running_services(other, data_of(services).root) as later:
        assert asyncio.run(later.adapters.client("ann", "Mine")).adapter == card.id
