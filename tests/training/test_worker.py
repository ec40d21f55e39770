"""What a run says when something ends it that nobody foresaw."""

from itertools import chain, count, repeat
from pathlib import Path
from types import FunctionType, SimpleNamespace

import pytest
import torch

from playground import process
from playground.training.jobs import supervisor as supervise
from playground.training.jobs.events import Event
from playground.training.worker.failures import unexpected


def test_too_little_memory_is_told() -> None:
    """On the CPU torch has no class of its own for it."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    assert unexpected(caught.value, "ab12").message.startswith("There was not enough memory.")


def test_a_tracker_that_refuses_is_named() -> None:
    """Its own reason is what a person can mend; other errors stay in the log."""
    error = type("UsageError", (Exception,), {"__module__": "wandb.errors"})("No API key configured.\nTraceback")
    message = unexpected(error, "ab12").message
    assert message.startswith("The curves cannot be sent to wandb: No API key configured. Mend that")
    assert "Traceback" not in message
    silent = type("CommError", (Exception,), {"__module__": "wandb.errors"})("<no message>")
    assert unexpected(silent, "ab12").message.startswith("The curves cannot be sent to wandb: It does not answer. ")
    init = FunctionType(_connect.__code__, {**globals(), "__name__": "trackio.utils"})
    with pytest.raises(OSError, match="not known") as caught:
        init()
    assert "sent to trackio: Name or service not known. Mend" in unexpected(caught.value, "ab12").message
    assert "under ab12" in unexpected(ValueError("x"), "ab12").message


def test_a_process_that_is_done_must_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tracker that still tries to send figures when all is learnt cannot hold the run up for ever."""
    lingering = tmp_path / "python"
    done = '{"state": "done", "template": "Done.", "time": 1.0}'
    lingering.write_text(f"#!/bin/sh\necho '{done}' >> {tmp_path}/events.jsonl\nexec sleep 1000\n")
    lingering.chmod(0o700)
    told: list[Event] = []
    monkeypatch.setattr(process, "sys", SimpleNamespace(executable=str(lingering)))
    monkeypatch.setattr(supervise, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    clock = count(0.0, 20.0)
    worker = supervise.WorkerProcess(tmp_path)
    assert worker.watch(told.append).message == "Done."
    assert [event.state for event in told] == ["done"]
    assert not Path(f"/proc/{worker.pid}").exists()


def test_a_process_is_told_how_many_threads_it_may_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its start on, and again whenever the answer changes."""
    listening = tmp_path / "python"
    told = f"$(cat {tmp_path}/threads)"
    listening.write_text(f'#!/bin/sh\n[ "{told}" = 3 ] || exit 1\nwhile [ "{told}" != 5 ]; do sleep 0.02; done\n')
    listening.chmod(0o700)
    monkeypatch.setattr(process, "sys", SimpleNamespace(executable=str(listening)))
    answers = chain([3], repeat(5))
    worker = supervise.WorkerProcess(tmp_path, threads=lambda: next(answers))
    assert "(code 0)" in worker.watch(lambda _event: None).message


def _connect() -> None:
    raise OSError("Name or service not known")
