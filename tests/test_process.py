"""Defends the live model's neighbours: what a child process is given, and that it goes when it is told to."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from playground.process import start_worker, stop, tell_threads, use_told_threads, worker_threads

CHILD = """
import os, signal, sys

for line in sys.stdin:
    if line == "ignore\\n":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("ignoring", flush=True)
    else:
        print(os.environ[line.strip()], flush=True)
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["subprocess.Popen[str]"]:
    (tmp_path / "child_for_a_test.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    started = start_worker("child_for_a_test", log=tmp_path / "log", stdin=subprocess.PIPE)
    yield started
    stop(started)
    for pipe in (started.stdin, started.stdout):
        if pipe:
            pipe.close()


def ask(child: "subprocess.Popen[str]", question: str) -> str:
    assert child.stdin is not None
    assert child.stdout is not None
    print(question, file=child.stdin, flush=True)
    return child.stdout.readline().strip()


def test_a_child_is_quiet_and_finds_the_package(child: "subprocess.Popen[str]") -> None:
    """Few threads that do not spin, a session of its own, and this package on its path."""
    assert ask(child, "OMP_WAIT_POLICY") == "passive"
    assert ask(child, "OMP_NUM_THREADS") == str(worker_threads())
    assert str(Path(__file__).parents[1]) in ask(child, "PYTHONPATH").split(os.pathsep)
    assert os.getsid(child.pid) == child.pid != os.getsid(0)


def test_it_ends_by_itself_when_asked(child: "subprocess.Popen[str]") -> None:
    assert ask(child, "OMP_WAIT_POLICY")
    assert stop(child, 30.0)
    assert child.returncode == -15
    assert stop(child)


def test_who_does_not_listen_is_killed(child: "subprocess.Popen[str]") -> None:
    assert ask(child, "ignore") == "ignoring"
    assert not stop(child, 0.2)
    assert child.returncode == -9


def test_what_a_child_says_goes_to_its_log(tmp_path: Path) -> None:
    """Both streams, behind what stands there already."""
    log = tmp_path / "log"
    log.write_text("before\n")
    assert start_worker("playground.training.worker", log=log).wait(120) == 2
    assert log.read_text().startswith("before\nusage: python -m playground.training.worker")


def test_a_worker_uses_as_many_threads_as_it_was_told_last(tmp_path: Path) -> None:
    """From the next look on; told nothing, or half of a number's file, it goes on as it does."""
    before = torch.get_num_threads()
    try:
        use_told_threads(tmp_path)
        assert torch.get_num_threads() == before
        tell_threads(tmp_path, 3)
        use_told_threads(tmp_path)
        assert torch.get_num_threads() == 3
        (tmp_path / "threads").write_text("")
        use_told_threads(tmp_path)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_a_worker_lets_others_have_the_cores_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where Linux shares the cores between sessions, whatever the processes in them are."""
    (tmp_path / "worker_for_a_test.py").write_text(
        "from pathlib import Path\n"
        "from playground.process import become_worker\n"
        "become_worker(Path('log'), offline=True)\n"
        "import os\n"
        "session = Path('/proc/self/autogroup')\n"
        "told = session.read_text() if session.exists() else 'nice 10'\n"
        "Path('told').write_text(f'{os.nice(0)} {told}')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert start_worker("worker_for_a_test", log=tmp_path / "log").wait(60) == 0, (tmp_path / "log").read_text()
    nice, *_, of_session = (tmp_path / "told").read_text().split()
    assert int(nice) >= 10
    assert int(of_session) == 10
