"""Defends downloads that belong to the server: begun once, stopped for certain, and gone on with."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from playground.data_dir import DataDir
from playground.errors import BusyError, ModelError
from playground.models.hub_cache import forget, present
from playground.service.model_downloads import DownloadState, ModelDownloads
from tests.support.hub import MODEL, Hub, running_hub, use_hub

PATIENCE_S = 60.0
HELD = 3 * 2**20


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub() as running:
        use_hub(running, tmp_path / "hf", monkeypatch)
        yield running


@pytest.fixture
def downloads(tmp_path: Path, hub: Hub) -> Iterator[ModelDownloads]:
    made = ModelDownloads(DataDir(tmp_path / "data"), patience_s=0.0)
    yield made
    made.close()


def until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def state(downloads: ModelDownloads) -> DownloadState:
    found = downloads.state(MODEL)
    assert found is not None
    return found


def weights_so_far(tmp_path: Path) -> int:
    return max((path.stat().st_size for path in tmp_path.glob("hf/hub/*/blobs/*.incomplete")), default=0)


def workers(whose: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(whose).children() if "playground.models.download" in child.cmdline()]


def test_to_the_end(hub: Hub, downloads: ModelDownloads) -> None:
    assert downloads.state(MODEL) is None
    with pytest.raises(ModelError, match="is not being fetched"):
        downloads.wait(MODEL)
    downloads.start(MODEL)
    assert downloads.wait(MODEL) == present(MODEL)
    ended = state(downloads)
    assert ended.phase == "done"
    assert ended.done_bytes == ended.total_bytes > len(hub.files["model.safetensors"])
    assert downloads.states() == {MODEL: ended}
    assert DownloadState.model_validate_json(ended.model_dump_json()) == ended
    forget(MODEL)
    assert present(MODEL) is None


def test_stopped_and_gone_on_with(hub: Hub, downloads: ModelDownloads, tmp_path: Path) -> None:
    """Stopping ends the process; the second one counts what is there as done and fetches the rest alone."""
    hub.hold_after = HELD
    downloads.start(MODEL)
    downloads.start(MODEL)
    until(lambda: weights_so_far(tmp_path) >= HELD and state(downloads).done_bytes > 0)
    assert state(downloads).phase == "downloading"
    assert len(workers(os.getpid())) == 1
    downloads.stop(MODEL)
    assert workers(os.getpid()) == []
    assert state(downloads).phase == "stopped"
    with pytest.raises(ModelError, match="was stopped"):
        downloads.wait(MODEL)
    assert present(MODEL) is None
    hub.release.set()
    hub.count_anew()
    had = weights_so_far(tmp_path)
    downloads.start(MODEL)
    assert downloads.wait(MODEL) == present(MODEL)
    assert hub.sent["model.safetensors"] == len(hub.files["model.safetensors"]) - had


def test_how_fast_it_is(hub: Hub, downloads: ModelDownloads) -> None:
    hub.slow_s = 0.01
    downloads.start(MODEL)
    until(lambda: state(downloads).bytes_per_s > 0)
    running = state(downloads)
    assert running.eta_s is not None
    left = running.total_bytes - running.done_bytes
    assert running.eta_s == pytest.approx(left / running.bytes_per_s)
    downloads.stop(MODEL)
    assert (state(downloads).bytes_per_s, state(downloads).eta_s) == (0.0, None)


def test_a_failure_is_told(hub: Hub, downloads: ModelDownloads) -> None:
    """And does not last: the next start may do better."""
    hub.broken_code = 500
    downloads.start(MODEL)
    with pytest.raises(ModelError, match="fault of its own"):
        downloads.wait(MODEL)
    assert state(downloads).phase == "failed"
    assert "fault of its own" in str(state(downloads).failed)
    hub.broken_code = 0
    downloads.start(MODEL)
    assert downloads.wait(MODEL) == present(MODEL)
    assert state(downloads).failed is None


def test_no_more_than_two_at_once(hub: Hub, downloads: ModelDownloads) -> None:
    hub.silent = True
    downloads.start(MODEL)
    downloads.start("tests/other")
    with pytest.raises(BusyError, match="2 models are being fetched"):
        downloads.start("tests/third")
    with pytest.raises(ModelError, match="cannot be the name"):
        downloads.start("../etc")
    downloads.stop("tests/other")
    downloads.start("tests/third")
    downloads.close()
    assert {told.phase for told in downloads.states().values()} == {"stopped"}
    assert workers(os.getpid()) == []
    with pytest.raises(BusyError, match="closing"):
        downloads.start(MODEL)


def test_a_process_that_is_killed(hub: Hub, downloads: ModelDownloads) -> None:
    hub.silent = True
    downloads.start(MODEL)
    until(lambda: bool(workers(os.getpid())))
    workers(os.getpid())[0].kill()
    with pytest.raises(ModelError, match="ended unexpectedly"):
        downloads.wait(MODEL)


APP = """
import sys, threading
from pathlib import Path
from playground.data_dir import DataDir
from playground.service.model_downloads import ModelDownloads

ModelDownloads(DataDir(Path(sys.argv[1]))).start(sys.argv[2])
threading.Event().wait()
"""


def test_a_killed_app_leaves_what_the_next_goes_on_from(hub: Hub, downloads: ModelDownloads, tmp_path: Path) -> None:
    """Its process goes with it, and nothing of what it fetched is lost or taken for whole."""
    hub.hold_after = HELD
    app = subprocess.Popen([sys.executable, "-c", APP, str(tmp_path / "data"), MODEL], cwd=Path(__file__).parents[2])
    try:
        until(lambda: weights_so_far(tmp_path) >= HELD)
        (child,) = workers(app.pid)
    finally:
        app.send_signal(signal.SIGKILL)
        app.wait()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    assert present(MODEL) is None
    hub.release.set()
    hub.hold_after = 0
    had = weights_so_far(tmp_path)
    hub.count_anew()
    downloads.start(MODEL)
    assert downloads.wait(MODEL) == present(MODEL)
    assert hub.sent["model.safetensors"] == len(hub.files["model.safetensors"]) - had
