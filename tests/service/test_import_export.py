"""Adapters come in and go out as files, and nothing is ever half done, on the disk or in the live model."""

import asyncio
import errno
import os
import time
import zipfile
from pathlib import Path

import pytest

from playground import files as disk
from playground.adapters import safe_zip as zip_file
from playground.errors import AdapterError, BusyError, InputError
from playground.models.loader import LoadedModel
from playground.service import downloads, quota
from playground.service.services import Services
from tests.bench.mutated_adapters import attack
from tests.support.exchange import data_of, host_of, imported, store_of, zip_of
from tests.support.tiny import damage

FOUND = Path(__file__).resolve().parents[3] / "shared" / "adapters"


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
    card = imported(services, "ann", "Mine", zip_of(adapters[1], tmp_path / "in.zip", top, **extra))
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
        imported(services, "ann", name, zip_of(FOUND / name, tmp_path / "in.zip", top, **extra))
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
    path = zip_of(damage(tmp_path / "bad", adapters[0], change), tmp_path / "in.zip")
    with pytest.raises(AdapterError, match=reason):
        imported(services, "ann", "Mine", path)
    assert services.adapters.list("ann") == _left(services) == []
    assert host_of(services).status().adapters_resident == ()


@pytest.mark.parametrize("moment", range(13))
def test_a_full_disk(
    services: Services, adapters: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """Defends against a disk that fills up at any write of an import: a plain reason, and nothing stays."""
    path = zip_of(adapters[0], tmp_path / "in.zip")
    writes = iter(range(100))
    sync, extract = os.fsync, zip_file.zipfile.ZipFile.open

    def full(real: object, *given: object) -> object:
        if next(writes) == moment:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*given)  # type: ignore[operator]

    monkeypatch.setattr(disk.os, "fsync", lambda *given: full(sync, *given))
    monkeypatch.setattr(zip_file.zipfile.ZipFile, "open", lambda *given: full(extract, *given))
    try:
        card = imported(services, "ann", "Mine", path)
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
        imported(services, "ann", "Other", zip_of(adapters[0], tmp_path / "in.zip"))
    with pytest.raises(InputError, match="no room for more files"):
        services.downloads.zipped("ann", card.id)
    assert len(_left(services)) == 1


def test_out_and_in_again(services: Services, adapters: list[Path], tmp_path: Path) -> None:
    """Defends the way through a file: the same answers, and no word of the owner or the disk in it."""
    card = imported(services, "ann", "Mine", zip_of(adapters[1], tmp_path / "in.zip"))
    path = Path(services.downloads.zipped("ann", card.id))
    again = imported(services, "bob", "His", path)
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
    assert list(data_of(services).downloads.glob("*/*")) == []


def test_downloads_do_not_pile_up(services: Services, adapters: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Defends the disk: what nobody fetched within an hour goes, of whole models all but the newest two, and of
    adapters all but the newest of so many bytes."""
    card = store_of(services).publish("ann", "Mine", adapters[0])
    path = Path(services.downloads.zipped("ann", card.id))
    downloads.sweep(data_of(services).downloads, time.time() + 60)
    assert path.is_file()
    whole = [data_of(services).to_fetch("ann") / f"whole-{number}" for number in range(4)]
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
    assert list(data_of(services).downloads.glob("*/*")) == []


def test_a_whole_model_that_is_not_made_leaves_nothing(services: Services, adapters: list[Path]) -> None:
    """Defends the disk and the next visitor from one who leaves, and from one who must wait."""
    card = store_of(services).publish("ann", "Mine", adapters[0])

    async def visit() -> None:
        left = services.downloads.whole("ann", card.id)
        await anext(left)
        with pytest.raises(BusyError):
            await anext(services.downloads.whole("ann", card.id))
        assert len(list(data_of(services).to_fetch("ann").iterdir())) == 1
        await left.aclose()

    asyncio.run(visit())
    assert list(data_of(services).downloads.glob("*/*")) == []
