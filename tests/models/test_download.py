"""Defends that a model comes whole or not at all, and that nothing is fetched twice."""

import json
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playground.errors import ModelError
from playground.files import KEPT_FREE_BYTES
from playground.models.download import PROGRESS_FILE, Progress, download
from playground.models.hub_cache import present
from playground.models.resolve import resolve_model
from playground.sentence import Sentence
from tests.support.hub import MODEL, Hub, running_hub, use_hub

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "hf" / "hub"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub() as running:
        use_hub(running, tmp_path / "hf", monkeypatch)
        yield running


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    return Progress(tmp_path / PROGRESS_FILE)


def told(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / PROGRESS_FILE).read_text().splitlines()]


def blobs(cache: Path) -> set[str]:
    return {path.name for path in cache.glob("*/blobs/*")}


def test_the_process_fetches_all(hub: Hub, cache: Path, tmp_path: Path) -> None:
    """The real process, to the end: what it tells, and a model that the app finds."""
    command = [sys.executable, "-m", "playground.models.download", MODEL, str(tmp_path)]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2], timeout=60)
    *lines, last = told(tmp_path)
    total = sum(len(content) for name, content in hub.files.items() if name != "README.md")
    assert lines[0] == {"done_bytes": 0, "total_bytes": total}
    assert lines[-1] == {"done_bytes": total, "total_bytes": total}
    assert [line["done_bytes"] for line in lines] == sorted(line["done_bytes"] for line in lines)
    folder = present(MODEL)
    assert last == {"done": True, "folder": str(folder)}
    assert folder is not None
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        name: content for name, content in hub.files.items() if name != "README.md"
    }
    assert resolve_model(MODEL).folder == folder
    hub.broken_code = 503
    assert resolve_model(MODEL).folder == folder


def test_the_process_tells_what_is_wrong(hub: Hub, tmp_path: Path) -> None:
    hub.gated = True
    command = [sys.executable, "-m", "playground.models.download", MODEL, str(tmp_path)]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2], timeout=60)
    assert "Accept its terms" in str(Sentence.from_plain(told(tmp_path)[-1]["error"]))


def test_a_connection_that_breaks_again_and_again(hub: Hub, progress: Progress) -> None:
    """It goes on from where it was: each byte is sent once, whatever broke in between."""
    hub.break_after = 4 * 10**6
    folder = download(MODEL, progress, patience_s=5.0)
    assert (folder / "model.safetensors").read_bytes() == hub.files["model.safetensors"]
    assert hub.sent["model.safetensors"] == len(hub.files["model.safetensors"])
    gets = [request for request in hub.requests if request.startswith("GET") and "model.safetensors" in request]
    assert len(gets) == 3


def test_a_network_that_is_lost(hub: Hub, cache: Path, progress: Progress) -> None:
    """What is there stays, and the next download fetches the rest."""
    hub.break_after = 2**20
    hub.no_ranges = True
    with pytest.raises(ModelError, match="network was lost while"):
        download(MODEL, progress, patience_s=0.0)
    part = cache / f"models--{MODEL.replace('/', '--')}/blobs/{hub.etag('model.safetensors')}.incomplete"
    assert part.stat().st_size == 2**20
    assert present(MODEL) is None
    hub.break_after, hub.no_ranges = 0, False
    hub.count_anew()
    download(MODEL, progress)
    assert hub.sent["model.safetensors"] == len(hub.files["model.safetensors"]) - 2**20


def test_a_server_that_knows_no_ranges(hub: Hub, cache: Path, progress: Progress) -> None:
    """The file is begun anew, and not put behind its own half."""
    hub.no_ranges = True
    folder = cache / f"models--{MODEL.replace('/', '--')}/blobs"
    folder.mkdir(parents=True)
    (folder / f"{hub.etag('model.safetensors')}.incomplete").write_bytes(b"half")
    assert (download(MODEL, progress) / "model.safetensors").read_bytes() == hub.files["model.safetensors"]


@pytest.mark.parametrize("name", ["model.safetensors", "chat_template.jinja"])
def test_a_wrong_content_is_removed(hub: Hub, cache: Path, progress: Progress, name: str) -> None:
    hub.wrong = name
    with pytest.raises(ModelError, match=f"{name} of {MODEL} came with another content"):
        download(MODEL, progress)
    assert not {hub.etag(name), f"{hub.etag(name)}.incomplete"} & blobs(cache)
    assert present(MODEL) is None
    hub.wrong = ""
    assert download(MODEL, progress) == present(MODEL)


def test_a_blob_that_rotted_is_found(hub: Hub, cache: Path, progress: Progress) -> None:
    folder = download(MODEL, progress)
    weights = (folder / "model.safetensors").resolve()
    weights.write_bytes(b"rotten")
    with pytest.raises(ModelError, match="another content"):
        download(MODEL, progress)
    assert not weights.exists()
    assert present(MODEL) is None


def test_weights_that_their_publisher_broke(hub: Hub, progress: Progress) -> None:
    """Whatever their hash is: a file that is cut, or an index that names what is in no file."""
    whole = hub.files["model.safetensors"]
    hub.files["model.safetensors"] = whole[:-10]
    with pytest.raises(ModelError, match="damaged on the hub itself"):
        download(MODEL, progress)
    del hub.files["model.safetensors"]
    hub.files["a.safetensors"] = whole
    index = {"weight_map": {"model.norm.weight": "a.safetensors", "nowhere": "a.safetensors"}}
    hub.files["model.safetensors.index.json"] = json.dumps(index).encode()
    with pytest.raises(ModelError, match="damaged on the hub itself"):
        download(MODEL, progress)
    assert present(MODEL) is None


def test_a_disk_without_room(hub: Hub, progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is begun that cannot end; what is there already needs no room."""
    total = sum(len(content) for name, content in hub.files.items() if name != "README.md")
    usage = Usage(0, 0, KEPT_FREE_BYTES + total - 1)
    monkeypatch.setattr("playground.models.download.shutil.disk_usage", lambda _: usage)
    with pytest.raises(ModelError, match=r"no room for people/tiny: 0\.0 GB"):
        download(MODEL, progress)
    assert sum(hub.sent[name] for name in hub.files if name != "config.json") == 0
    usage = Usage(0, 0, KEPT_FREE_BYTES + total)
    download(MODEL, progress)
    usage = Usage(0, 0, 0)
    download(MODEL, progress)


def test_a_publisher_changes_the_model_meanwhile(hub: Hub, progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest is what counts: it is looked at anew, and only the changed file is fetched."""
    from playground.models import download as module

    check = module.check_weights

    def change_and_check(folder: Path, model_id: str) -> None:
        check(folder, model_id)
        hub.files["generation_config.json"] = b'{"new": 1}'

    monkeypatch.setattr(module, "check_weights", change_and_check)
    folder = download(MODEL, progress)
    assert folder == present(MODEL)
    assert folder.name == hub.commit
    assert (folder / "generation_config.json").read_bytes() == b'{"new": 1}'
    assert hub.sent["model.safetensors"] == len(hub.files["model.safetensors"])
