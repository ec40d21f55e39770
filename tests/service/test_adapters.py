"""Adapters come in, go out, are renamed and deleted beside a live model, and nothing is ever half done."""

import asyncio
import errno
import os
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from playground import files as disk
from playground.adapters import safe_zip as zip_file
from playground.errors import AdapterError, BusyError, InputError
from playground.models.loader import LoadedModel, load_model
from playground.protocol.messages import BASE
from playground.protocol.requests import GenerateRequest
from playground.protocol.sampling import SamplingParams
from playground.service import downloads, quota
from playground.service.owners import HEADER
from playground.service.services import Services
from playground.ui.components.adapter_picker import picked
from playground.ui.tabs import adapters as adapters_tab
from tests.bench.adapter_mutations import packed
from tests.bench.mutated_adapters import attack
from tests.support.exchange import as_kept_earlier, data_of, host_of, running_services, store_of
from tests.support.tiny import damage, make_llama

FOUND = Path(__file__).resolve().parents[3] / "shared" / "adapters"


@pytest.fixture
def services(loaded: LoadedModel, tmp_path: Path) -> Iterator[Services]:
    data = tmp_path / "data"
    data.mkdir()
    with running_services(loaded, data) as running:
        yield running


def _zip_of(folder: Path, to: Path, top: str = "", **extra: bytes) -> Path:
    """As people zip a folder: with all that is in it."""
    parts = {top + path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    to.write_bytes(packed({**parts, **extra}))
    return to


def _left(services: Services) -> list[Path]:
    return list(data_of(services).root.rglob("*.safetensors"))


def test_a_hundred_wrong_ones(loaded: LoadedModel, tmp_path: Path) -> None:
    """Defends the server, every visitor and the base model from what strangers zip."""
    found = attack(loaded, tmp_path, 100, seed=7)
    assert found.wrong == []
    assert found.base_same
    assert len(found.said) > 15
    assert found.grown_bytes < 200 * 2**20


@pytest.mark.parametrize(
    ("top", "extra"),
    [
        ("", {}),
        ("my adapter/", {}),
        ("my adapter/", {"__MACOSX/my adapter/._adapter_config.json": b"\0\5\x16\7", "my adapter/.DS_Store": b"x"}),
        ("out/", {"out/checkpoint-9/adapter_config.json": b"{}", "out/checkpoint-9/optimizer.pt": b"\x80\4"}),
        ("out/", {"out/training_args.bin": b"\x80\4", "out/tokenizer.json": b"{}"}),
    ],
    ids=["flat", "a folder", "macOS", "with checkpoints", "as a trainer saves"],
)
def test_zipped_as_people_zip(
    services: Services, adapters: list[Path], tmp_path: Path, top: str, extra: dict[str, bytes]
) -> None:
    """Defends a good adapter, however it was zipped, and what it does to the answers."""
    card = services.adapters.import_adapter("ann", "Mine", _zip_of(adapters[1], tmp_path / "in.zip", top, **extra))
    assert card.receipt
    assert card.receipt.max_logit_change > 0
    assert asyncio.run(services.adapters.client("ann", "Mine")).adapter == card.id
    assert {path.name for path in card.folder.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "manifest.json",
    }


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("distilbert-kuntya", "SEQ_CLS"),
        ("gpt2-seqcls-anirudh", "SEQ_CLS"),
        ("gpt2-seqcls-bin-thesotti", "adapter_model.bin, a format that can run foreign code"),
    ],
)
@pytest.mark.parametrize("top", ["", "adapter/"])
def test_found_in_the_wild(services: Services, tmp_path: Path, name: str, reason: str, top: str) -> None:
    """Defends what people really find and try: each is refused with the reason that counts."""
    if not FOUND.is_dir():
        pytest.skip("the real adapters are not part of the project")
    extra = {"__MACOSX/._adapter_config.json": b"x"} if top else {}
    with pytest.raises(AdapterError, match=reason):
        services.adapters.import_adapter("ann", name, _zip_of(FOUND / name, tmp_path / "in.zip", top, **extra))
    assert (services.adapters.list("ann"), _left(services)) == ([], [])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("layer", "no layer model.layers.9"),
        ("huge", "overflow"),
        ('{"target_modules": ["q_proj"]}', "name as a target"),
    ],
)
def test_what_only_the_live_model_sees(
    services: Services, adapters: list[Path], tmp_path: Path, change: str, reason: str
) -> None:
    """Defends the list: an adapter that the live model cannot use is never in it, not for a moment."""
    path = _zip_of(damage(tmp_path / "bad", adapters[0], change), tmp_path / "in.zip")
    with pytest.raises(AdapterError, match=reason):
        services.adapters.import_adapter("ann", "Mine", path)
    assert services.adapters.list("ann") == _left(services) == []
    assert host_of(services).status().adapters_resident == ()


def test_the_same_twice_renamed_and_deleted(services: Services, adapters: list[Path], tmp_path: Path) -> None:
    """Defends each copy's own life: another name, another id, and one can go while the other answers."""
    path = _zip_of(adapters[0], tmp_path / "in.zip")
    one, other = (
        services.adapters.import_adapter("ann", "Mine", path),
        services.adapters.import_adapter("ann", "mine", path),
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
    card = services.adapters.import_adapter("ann", "Mine", _zip_of(adapters[0], tmp_path / "in.zip"))
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


@pytest.mark.parametrize("moment", range(13))
def test_a_full_disk(
    services: Services, adapters: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """Defends against a disk that fills up at any write of an import: a plain reason, and nothing stays."""
    path = _zip_of(adapters[0], tmp_path / "in.zip")
    writes = iter(range(100))
    sync, extract = os.fsync, zip_file.zipfile.ZipFile.open

    def full(real: object, *given: object) -> object:
        if next(writes) == moment:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*given)  # type: ignore[operator]

    monkeypatch.setattr(disk.os, "fsync", lambda *given: full(sync, *given))
    monkeypatch.setattr(zip_file.zipfile.ZipFile, "open", lambda *given: full(extract, *given))
    try:
        card = services.adapters.import_adapter("ann", "Mine", path)
    except AdapterError as error:
        assert "disk is full" in str(error)
        assert services.adapters.list("ann") == _left(services) == []
        assert host_of(services).status().adapters_resident == ()
    else:
        assert next(writes) <= moment, "the import went on past a full disk"
        assert services.adapters.list("ann") == [card]
    assert not [path for path in data_of(services).root.rglob(".*") if path.is_file()]


def test_a_disk_that_is_nearly_full(
    services: Services, adapters: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defends everybody's training from a stranger's import: some of the disk stays free."""
    card = store_of(services).publish("ann", "Mine", adapters[0])
    monkeypatch.setattr(quota, "KEPT_FREE_BYTES", 2**60)
    with pytest.raises(InputError, match="no room for more files"):
        services.adapters.import_adapter("ann", "Other", _zip_of(adapters[0], tmp_path / "in.zip"))
    with pytest.raises(InputError, match="no room for more files"):
        services.downloads.zipped("ann", card.id)
    assert len(_left(services)) == 1


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


def test_out_and_in_again(services: Services, adapters: list[Path], tmp_path: Path) -> None:
    """Defends the way through a file: the same answers, and no word of the owner or the disk in it."""
    card = services.adapters.import_adapter("ann", "Mine", _zip_of(adapters[1], tmp_path / "in.zip"))
    path = Path(services.downloads.zipped("ann", card.id))
    again = services.adapters.import_adapter("bob", "His", path)
    assert again.receipt
    assert card.receipt
    assert again.receipt.max_logit_change == card.receipt.max_logit_change
    with zipfile.ZipFile(path) as archive:
        told = b"".join(archive.read(name) for name in archive.namelist())
    assert b"ann" not in told.replace(b"channel", b"")
    assert str(tmp_path).encode() not in told


def test_deleted_while_it_is_taken_away(services: Services, adapters: list[Path]) -> None:
    """Defends the reason that is told: its owner deleted it, its files are not damaged."""
    card = store_of(services).publish("ann", "Mine", adapters[0])

    async def visit() -> None:
        shares = services.downloads.whole("ann", card.id)
        await anext(shares)
        services.adapters.delete_adapter("ann", card.id)
        with pytest.raises(AdapterError, match="There is no adapter 'Mine' any more"):
            [share async for share in shares]

    asyncio.run(visit())
    assert list(data_of(services).downloads.iterdir()) == []


def test_downloads_do_not_pile_up(services: Services, adapters: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Defends the disk: what nobody fetched within an hour goes, of whole models all but the newest two, and of
    adapters all but the newest of so many bytes."""
    card = store_of(services).publish("ann", "Mine", adapters[0])
    path = Path(services.downloads.zipped("ann", card.id))
    downloads.sweep(data_of(services).downloads, time.time() + 60)
    assert path.is_file()
    whole = [data_of(services).downloads / f"whole-{number}" for number in range(4)]
    for number, folder in enumerate(whole):
        folder.mkdir()
        if number != 1:  # that one is being made
            (folder / "model.zip").touch()
        os.utime(folder, (time.time() + number, time.time() + number))
    downloads.sweep(data_of(services).downloads, time.time() + 60)
    assert [folder.is_dir() for folder in whole] == [False, True, True, True]
    zips = [Path(services.downloads.zipped("ann", card.id)) for _ in range(3)]
    monkeypatch.setattr(downloads, "MAX_ADAPTER_DOWNLOAD_BYTES", 2 * path.stat().st_size)
    for number, made in enumerate([path, *zips]):
        os.utime(made.parent, (time.time() + number, time.time() + number))
    downloads.sweep(data_of(services).downloads, time.time() + 60)
    assert [made.is_file() for made in [path, *zips]] == [False, False, True, True]
    downloads.sweep(data_of(services).downloads, time.time() + 2 * downloads.KEPT_S)
    assert list(data_of(services).downloads.iterdir()) == []


def test_a_whole_model_that_is_not_made_leaves_nothing(services: Services, adapters: list[Path]) -> None:
    """Defends the disk and the next visitor from one who leaves, and from one who must wait."""
    card = store_of(services).publish("ann", "Mine", adapters[0])

    async def visit() -> None:
        left = services.downloads.whole("ann", card.id)
        await anext(left)
        with pytest.raises(BusyError):
            await anext(services.downloads.whole("ann", card.id))
        assert len(list(data_of(services).downloads.iterdir())) == 1
        await left.aclose()

    asyncio.run(visit())
    assert list(data_of(services).downloads.iterdir()) == []


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """A model of the same shape as the shared one, with other weights."""
    return load_model(str(make_llama(tmp_path_factory.mktemp("models") / "other-llama", seed=7)), "none")


def test_one_for_another_model_of_the_same_shape(
    services: Services, other: LoadedModel, adapters: list[Path], tmp_path: Path
) -> None:
    """Defends the answers after a start with another model: its shapes fit, and yet it is not for this one."""
    card = services.adapters.import_adapter("ann", "Mine", _zip_of(adapters[0], tmp_path / "in.zip"))
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
        listed, *_, title, _, _, _, _, using = adapters_tab._draw(services, request, adapter.id)
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
