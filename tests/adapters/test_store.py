"""Adapters belong to their owners, appear whole or not at all, and survive a restart."""

import json
import threading
from pathlib import Path

import pytest

from playground.adapters import store as module
from playground.adapters.store import AdapterStore
from playground.data_dir import DataDir
from playground.errors import AdapterError
from playground.protocol.engine import SwapReceipt
from tests.adapters.test_check import adapter


@pytest.fixture
def store(tmp_path: Path) -> AdapterStore:
    return AdapterStore(DataDir(tmp_path / "data"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return adapter(tmp_path / "trained")


def test_published_and_found_after_a_restart(store: AdapterStore, folder: Path, tmp_path: Path) -> None:
    """Defends the adapter's facts through a restart."""
    receipt = SwapReceipt(max_logit_change=1.5, base_unchanged=True, load_s=0.3)
    facts = {"base_model": "m", "base_fingerprint": "f"}
    card = store.publish(
        "ann",
        " Pirate talk ",
        folder,
        **facts,
        metrics={"loss": 1.0},
        source={"rows": 9, "losses": [1.0, float("nan")]},
    )
    store.note_receipt("ann", card.id, receipt)
    store.note_metrics("ann", card.id, {"accuracy": 0.5, "perplexity": float("inf")})
    (found,) = AdapterStore(DataDir(tmp_path / "data")).list("ann")
    assert (found.id, found.name, found.base_model, found.base_fingerprint) == (card.id, "Pirate talk", "m", "f")
    assert found.metrics == {"loss": 1.0, "accuracy": 0.5, "perplexity": None}
    assert (found.receipt, found.source, found.created) == (receipt, {"rows": 9, "losses": [1.0, None]}, card.created)
    assert (found.folder / "adapter_model.safetensors").read_bytes() == (
        folder / "adapter_model.safetensors"
    ).read_bytes()
    assert set(found.to_dict()) == {"id", "name", "base_model", "created", "visibility", "metrics"}


def test_foreign_answers_as_unknown(store: AdapterStore, folder: Path) -> None:
    """Defends an owner's adapters from guessing: the sentence is the same for foreign and for not there."""
    card = store.publish("ann", "mine", folder)
    with pytest.raises(AdapterError) as foreign:
        store.get("bob", card.id)
    with pytest.raises(AdapterError) as unknown:
        store.get("bob", "a-0000000000000000")
    assert foreign.value.sentence.msgid == unknown.value.sentence.msgid
    assert str(foreign.value).replace(card.id, "X") == str(unknown.value).replace("a-0000000000000000", "X")
    for attempt in (
        lambda: store.get("bob", "mine"),
        lambda: store.delete("bob", card.id),
        lambda: store.rename("bob", card.id, "his"),
        lambda: store.share("bob", card.id, "public"),
        lambda: store.note_receipt("bob", card.id, SwapReceipt(max_logit_change=0.0, base_unchanged=True, load_s=0.0)),
    ):
        with pytest.raises(AdapterError, match="There is no adapter"):
            attempt()
    assert store.list("bob") == []
    assert store.get("ann", "MINE").id == card.id


def test_public_ones_are_seen_and_not_changed(store: AdapterStore, folder: Path) -> None:
    """Defends sharing: everyone may use a public adapter, only its owner may change it."""
    first = store.publish("ann", "shared", folder, visibility="public")
    store.publish("eve", "shared", folder, visibility="public")
    store.publish("ann", "kept", folder)
    own = store.publish("bob", "own", folder)
    assert [card.name for card in store.list("bob")] == ["own", "shared", "shared"]
    assert store.get("bob", "shared").id == first.id
    assert store.key(own) != store.key(first)
    with pytest.raises(AdapterError):
        store.delete("bob", first.id)
    store.share("ann", first.id, "private")
    with pytest.raises(AdapterError):
        store.get("bob", first.id)


def test_names_are_unique_for_an_owner(store: AdapterStore, folder: Path) -> None:
    """Defends choosing by name."""
    names = [store.publish("ann", name, folder).name for name in ("Talk", "talk", "Talk", "x" * 60, "x" * 60)]
    assert names == ["Talk", "talk 2", "Talk 3", "x" * 60, "x" * 58 + " 2"]
    assert store.publish("bob", "Talk", folder).name == "Talk"
    assert store.rename("ann", "Talk", "Chat").name == "Chat"
    assert store.rename("ann", "Chat", "CHAT").name == "CHAT"
    with pytest.raises(AdapterError, match="already"):
        store.rename("ann", "CHAT", "Talk 3")


@pytest.mark.parametrize("name", ["", "  ", "base", "Base", "x" * 61, "a\nb", "a\x00b", "\ud800", "\u202eabc", None, 7])
def test_names_refused(store: AdapterStore, folder: Path, name: str) -> None:
    """Defends the page and the reserved name from names that break lines or mislead."""
    with pytest.raises(AdapterError):
        store.publish("ann", name, folder)
    with pytest.raises(AdapterError, match="id"):
        store.publish("ann", "A-0123456789abcdef", folder)


@pytest.mark.parametrize("owner", ["../../etc", "/root", "a/b", "..", "ann\x00", "\ud800"])
def test_no_owner_escapes_the_root(store: AdapterStore, folder: Path, tmp_path: Path, owner: str) -> None:
    """Defends the disk from an owner's name."""
    card = store.publish(owner, "x", folder)
    assert card.folder.resolve().is_relative_to((tmp_path / "data").resolve())
    assert DataDir(tmp_path).owner(owner).parent == tmp_path
    with pytest.raises(ValueError, match="empty"):
        DataDir(tmp_path).owner("")


@pytest.mark.parametrize("adapter_id", ["../x", "/etc/passwd", "", "a-..", "\x00", "\ud800"])
def test_no_id_escapes_the_root(store: AdapterStore, adapter_id: str) -> None:
    """Defends the disk from an id, which is only ever compared."""
    with pytest.raises(AdapterError):
        store.get("ann", adapter_id)


def test_a_broken_folder_leaves_nothing(store: AdapterStore, tmp_path: Path) -> None:
    """Defends the list from adapters that were refused."""
    with pytest.raises(AdapterError, match="rank"):
        store.publish("ann", "x", adapter(tmp_path / "bad", r=9))
    assert not list((tmp_path / "data").rglob("*.safetensors"))


def test_a_failed_write_leaves_nothing(
    store: AdapterStore, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defends against a full disk in the middle of a publication."""

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(module, "write_json", full)
    with pytest.raises(OSError, match="No space"):
        store.publish("ann", "x", folder)
    assert store.list("ann") == []
    assert not list((tmp_path / "data").rglob("*.safetensors"))


def test_half_written_is_swept(store: AdapterStore, folder: Path, tmp_path: Path) -> None:
    """Defends against what a power cut leaves: never listed, gone at the next start; damaged ones are kept apart."""
    card = store.publish("ann", "whole", folder)
    home = card.folder.parent
    (home / ".writing-a-1").mkdir()
    (home / "a-1111111111111111").mkdir()
    damaged = home / "a-2222222222222222"
    damaged.mkdir()
    (damaged / "manifest.json").write_text("{", encoding="utf-8")
    assert [found.id for found in store.list("ann")] == [card.id]
    DataDir(tmp_path / "data").sweep()
    assert [found.id for found in AdapterStore(DataDir(tmp_path / "data")).list("ann")] == [card.id]
    assert {path.name for path in home.iterdir()} == {card.id, damaged.name}


def test_a_manifest_moved_elsewhere_is_not_listed(store: AdapterStore, folder: Path) -> None:
    """Defends the ids from a manifest that was copied beside another's weights."""
    card = store.publish("ann", "x", folder)
    other = card.folder.with_name("a-3333333333333333")
    card.folder.rename(other)
    assert json.loads((other / "manifest.json").read_text(encoding="utf-8"))["id"] == card.id
    assert store.list("ann") == []


MANIFEST = {
    "id": "a-4444444444444444",
    "name": "Old",
    "base_model": "Starter",
    "base_fingerprint": "feed",
    "created": "2026-01-02T03:04:05.000006+00:00",
    "visibility": "private",
    "metrics": {"loss": 1.5},
    "source": {"rows": 20, "settings": {"r": 8}},
    "report": {"verdict": []},
    "receipt": {"largest_change": 3.25, "base_unchanged": True, "load_s": 0.1},
}


def _written(store: AdapterStore, folder: Path, manifest: object) -> Path:
    """The folder of an adapter of ann's with this manifest."""
    card = store.publish("ann", "x", folder)
    written = card.folder.rename(card.folder.with_name(str(MANIFEST["id"])))
    (written / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return written


@pytest.mark.parametrize(
    "earlier",
    [
        MANIFEST,
        {key: value for key, value in MANIFEST.items() if key not in ("report", "receipt")},
        {**MANIFEST, "receipt": None},
        {**MANIFEST, "owner": "of another version"},
    ],
    ids=["whole", "early", "no receipt", "of another version"],
)
def test_stored_keys_stay(store: AdapterStore, folder: Path, earlier: dict[str, object]) -> None:
    """Defends adapters of earlier versions: they are read, and written with the keys that those know."""
    written = _written(store, folder, earlier)
    (found,) = store.list("ann")
    assert (found.name, found.source["rows"], found.folder) == ("Old", 20, written)
    store.rename("ann", found.id, "New")
    later = json.loads((written / "manifest.json").read_text(encoding="utf-8"))
    assert list(later) == list(MANIFEST)
    defaults: dict[str, object] = {"report": {}, "receipt": None}
    assert later == {key: earlier.get(key, defaults.get(key)) for key in MANIFEST} | {"name": "New"}


@pytest.mark.parametrize(
    "manifest",
    [
        [],
        None,
        *({key: value for key, value in MANIFEST.items() if key != gone} for gone in list(MANIFEST)[:8]),
        *({**MANIFEST, key: 5} for key in MANIFEST),
        {**MANIFEST, "visibility": "everybody"},
        {**MANIFEST, "receipt": {}},
        {**MANIFEST, "report": None},
    ],
)
def test_a_damaged_manifest_is_not_listed(store: AdapterStore, folder: Path, manifest: object) -> None:
    """Defends the list from what a disk made of a manifest, whichever part it is."""
    _written(store, folder, manifest)
    assert store.list("ann") == store.list("bob") == []


def test_deleted_is_gone(store: AdapterStore, folder: Path) -> None:
    """Defends that deleting frees the disk and the name."""
    card = store.publish("ann", "x", folder)
    assert store.delete("ann", "x").id == card.id
    assert (store.list("ann"), card.folder.exists()) == ([], False)
    assert store.publish("ann", "x", folder).name == "x"


def test_bounded_for_an_owner(store: AdapterStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Defends the disk of a public page."""
    monkeypatch.setattr(module, "MAX_ADAPTERS_PER_OWNER", 2)
    store.publish("ann", "x", folder)
    store.publish("ann", "x", folder)
    with pytest.raises(AdapterError, match="Delete one"):
        store.publish("ann", "x", folder)
    store.publish("bob", "x", folder)


def test_many_at_once(store: AdapterStore, folder: Path) -> None:
    """Defends unique names when several publish at the same moment."""
    threads = [threading.Thread(target=store.publish, args=("ann", "x", folder)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({card.name for card in store.list("ann")}) == 8
