"""Adapters leave as zips that come back unchanged; zips that would do harm leave nothing behind."""

import json
import shutil
import stat
import struct
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from playground.adapters import archive
from playground.adapters.archive import export_zip, unpack_zip
from playground.adapters.info import AdapterInfo
from playground.adapters.store import AdapterStore
from playground.data_dir import DataDir
from playground.errors import AdapterError
from tests.adapters.test_check import adapter


def import_zip(path: Path, into: Path) -> Path:
    """In a folder of its own, as the service does."""
    folder = Path(tempfile.mkdtemp(dir=into))
    try:
        unpack_zip(path, folder)
    except BaseException:
        shutil.rmtree(folder)
        raise
    return folder


@pytest.fixture
def card(tmp_path: Path) -> AdapterInfo:
    trained = adapter(tmp_path / "trained", base_model_name_or_path="/srv/secret/model")
    store = AdapterStore(DataDir(tmp_path / "data"))
    return store.publish("ann", "Pirate: talk/é", trained, base_model="starter", base_fingerprint="abc123")


def _zip(folder: Path, **files: bytes | str) -> Path:
    path = folder / "in.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return path


def _parts(tmp_path: Path, prefix: str = "") -> dict[str, bytes]:
    folder = adapter(tmp_path / "parts")
    return {prefix + path.name: path.read_bytes() for path in folder.iterdir()}


def test_there_and_back(card: AdapterInfo, tmp_path: Path) -> None:
    """Defends export and import: the same weights, the base's name and fingerprint, and no path of this disk."""
    path = export_zip(card, tmp_path)
    assert path.name == "Pirate-talk-é.zip"
    with zipfile.ZipFile(path) as made:
        assert set(made.namelist()) == {"adapter_config.json", "adapter_model.safetensors", "README.md"}
        assert b"secret" not in b"".join(made.read(name) for name in made.namelist())
    into = tmp_path / "into"
    into.mkdir()
    folder = import_zip(path, into)
    assert folder.parent == into
    weights = "adapter_model.safetensors"
    assert (folder / weights).read_bytes() == (card.folder / weights).read_bytes()
    assert json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"] == "starter"
    assert list(into.iterdir()) == [folder]


def test_imported_can_be_published(card: AdapterInfo, tmp_path: Path) -> None:
    """Defends the way from a zip to a visitor's list; the base's name and fingerprint come along."""
    folder = import_zip(export_zip(card, tmp_path / "out.zip"), tmp_path)
    again = AdapterStore(DataDir(tmp_path / "data")).publish("bob", "mine", folder)
    assert (again.base_model, again.base_fingerprint) == ("starter", "abc123")


def test_a_folder_inside_the_zip(tmp_path: Path) -> None:
    """Defends zips made by right-clicking a folder, with what macOS adds."""
    parts = {**_parts(tmp_path, "mine/"), "__MACOSX/mine/._adapter_config.json": b"x", "mine/notes.txt": b"hi"}
    folder = import_zip(_zip(tmp_path, **parts), tmp_path)
    assert {path.name for path in folder.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}


def _link(tmp_path: Path) -> Path:
    path = _zip(tmp_path, **_parts(tmp_path))
    entry = zipfile.ZipInfo("README.md")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as made:
        made.writestr(entry, "/etc/passwd")
    return path


def _twice(tmp_path: Path) -> Path:
    path = _zip(tmp_path, **_parts(tmp_path))
    with zipfile.ZipFile(path, "a") as made, pytest.warns(UserWarning, match="Duplicate"):
        made.writestr("adapter_config.json", "{}")
    return path


def _damaged(tmp_path: Path) -> Path:
    path = _zip(tmp_path, **_parts(tmp_path))
    raw = bytearray(path.read_bytes())
    raw[60:90] = bytes(30)
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda t: _zip(t, **_parts(t), **{"../evil": b"x"}), "leads out of it"),
        (lambda t: _zip(t, **_parts(t), **{"/etc/evil": b"x"}), "leads out of it"),
        (lambda t: _zip(t, **_parts(t), **{"a\\..\\evil": b"x"}), "leads out of it"),
        (lambda t: _zip(t, **_parts(t), **{"C:evil": b"x"}), "leads out of it"),
        (_link, "a link"),
        (_twice, "twice"),
        (_damaged, "damaged"),
        (lambda t: _zip(t, **_parts(t), **{f"{i}": b"" for i in range(300)}), "more than 200"),
        (lambda t: _zip(t, **_parts(t, "a/"), **_parts(t, "b/")), "it holds 2"),
        (lambda t: _zip(t, **{"notes.txt": b"x"}), "it holds 0"),
        (
            lambda t: _zip(t, **{"adapter_config.json": b"{}", "adapter_model.bin": b"\x80\x04"}),
            "run foreign code",
        ),
        (lambda t: _zip(t, **{"adapter_config.json": b"{}"}), "adapter_model.safetensors is missing"),
        (lambda t: _zip(t, **{**_parts(t), "adapter_config.json": b"{}"}), "only LORA"),
        (lambda t: _zip(t, **_parts(t), **{"README.md": b" " * 10_000_000}), "larger than 256 KB"),
    ],
)
def test_refused_and_nothing_left(tmp_path: Path, make: object, reason: str) -> None:
    """Defends the disk and the server from a zip that a stranger made."""
    path = make(tmp_path)  # type: ignore[operator]
    into = tmp_path / "into"
    into.mkdir()
    before = set(tmp_path.rglob("*"))
    with pytest.raises(AdapterError, match=reason):
        import_zip(path, into)
    assert set(tmp_path.rglob("*")) == before


def _many(tmp_path: Path, told: int) -> Path:
    """An index of 5,000 files, of which the zip admits so many."""
    path = _zip(tmp_path, **_parts(tmp_path), **{f"{number}": b"" for number in range(5000)})
    raw = bytearray(path.read_bytes())
    struct.pack_into("<2H", raw, len(raw) - 14, told, told)
    path.write_bytes(raw)
    return path


def _large(tmp_path: Path) -> Path:
    """The signs of a zip for thousands of files, whose true counts stand elsewhere."""
    path = _zip(tmp_path, **_parts(tmp_path))
    raw = path.read_bytes()
    path.write_bytes(raw[:-22] + struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1) + raw[-22:])
    return path


def _packed(tmp_path: Path, method: int) -> Path:
    path = tmp_path / "in.zip"
    with zipfile.ZipFile(path, "w", method) as made:
        for name, content in _parts(tmp_path).items():
            made.writestr(name, content)
    return path


def _locked(tmp_path: Path) -> Path:
    path = _zip(tmp_path, **_parts(tmp_path))
    raw = bytearray(path.read_bytes())
    raw[raw.find(b"PK\1\2") + 8] |= 1
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda t: _many(t, 5000), "more than 200"),
        (lambda t: _many(t, 3), "more than 200|damaged"),
        (_large, "unusual way"),
        (lambda t: _packed(t, zipfile.ZIP_LZMA), "unusual way"),
        (lambda t: _packed(t, zipfile.ZIP_BZIP2), "unusual way"),
        (_locked, "password"),
        (lambda t: _zip(t, **{**_parts(t), "adapter_model.safetensors": bytes(60 * 2**20)}), "is larger than"),
    ],
    ids=["many", "many, untold", "large", "lzma", "bzip2", "locked", "bomb"],
)
def test_unusual_zips(tmp_path: Path, make: Callable[[Path], Path], reason: str) -> None:
    """Defends the server's memory and disk from what only looks small."""
    path = make(tmp_path)
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(AdapterError, match=reason):
        import_zip(path, into)
    assert list(into.iterdir()) == []


def test_not_a_zip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Defends against any other file, a vanished one, and one too large to look at."""
    path = tmp_path / "a.zip"
    path.write_bytes(b"not a zip")
    with pytest.raises(AdapterError, match="not a zip"):
        import_zip(path, tmp_path)
    with pytest.raises(AdapterError, match="not a zip"):
        import_zip(tmp_path / "gone.zip", tmp_path)
    monkeypatch.setattr(archive, "MAX_ZIP_BYTES", 5)
    with pytest.raises(AdapterError, match="larger"):
        import_zip(path, tmp_path)


def test_windows_and_mac_zips(tmp_path: Path) -> None:
    """Defends zips whose names have backslashes or whose texts begin with a mark, and those with what a Mac adds."""
    parts = {name.replace("/", "\\"): raw for name, raw in _parts(tmp_path, "my adapter/").items()}
    mac = {"__MACOSX/my adapter/._adapter_config.json": b"x", "my adapter/.DS_Store": b"x"}
    marked = {name: b"\xef\xbb\xbf" * name.endswith(".json") + raw for name, raw in parts.items()}
    for files in (parts, marked, {**_parts(tmp_path, "my adapter/"), **mac}):
        assert (import_zip(_zip(tmp_path, **files), tmp_path) / "adapter_config.json").exists()
