"""Each checkpoint answers the run's probes on the live model, without holding the run up."""

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from playground.service.probes import PROBES_FILE, ProbeAnswers, ProbeRunner, read_probes
from tests.service.conftest import PATIENCE_S, Taught
from tests.support.asking import until


def test_each_checkpoint_answers_the_probes_and_leaves_again(taught: Taught) -> None:
    prober = ProbeRunner(taught.host)
    for step in (5, 10):
        prober.look_at(taught.job, taught.kept(step))
        prober.finish(PATIENCE_S)
    base, fifth, tenth = read_probes(taught.job.folder)
    assert [base.step, fifth.step, tenth.step] == [0, 5, 10]
    assert all(len(probed.answers) == 3 and all(probed.answers) for probed in (base, fifth, tenth))
    assert base.answers != fifth.answers != tenth.answers
    assert taught.resident() == set()
    prober.look_at(taught.job, taught.kept(5))  # as after a resume: the base is not asked again
    prober.finish(PATIENCE_S)
    assert read_probes(taught.job.folder) == [base, fifth, tenth]
    assert len((taught.job.folder / PROBES_FILE).read_bytes().splitlines()) == 4


def test_the_supervising_thread_never_waits_and_the_newest_goes_first(
    taught: Taught, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, leave = threading.Event(), threading.Event()
    loaded: list[str] = []
    load = taught.host.load_adapter

    def slowly(key: str, folder: Path) -> Any:
        entered.set()
        assert leave.wait(PATIENCE_S)
        loaded.append(folder.name)
        return load(key, folder)

    monkeypatch.setattr(taught.host, "load_adapter", slowly)
    callbacks = taught.hooks()
    callbacks.on_checkpoint(taught.job, taught.kept(5))
    assert entered.wait(PATIENCE_S)
    callbacks.on_checkpoint(taught.job, taught.kept(7))  # overtaken before it was its turn
    callbacks.on_checkpoint(taught.job, taught.kept(10))
    assert loaded == []
    leave.set()
    until(lambda: [probed.step for probed in read_probes(taught.job.folder)] == [0, 5, 10], PATIENCE_S)
    assert loaded == ["step-5", "step-10"]


def test_probes_that_go_wrong_hurt_nobody(taught: Taught, caplog: pytest.LogCaptureFixture) -> None:
    prober = ProbeRunner(taught.host)
    prober.look_at(taught.job, taught.kept(7))  # not there
    prober.finish(PATIENCE_S)
    assert [probed.step for probed in read_probes(taught.job.folder)] == [0]
    kept = shutil.copytree(taught.kept(5), taught.job.folder.parent / "step-5")
    shutil.rmtree(taught.job.folder)
    prober.look_at(taught.job, kept)
    prober.finish(PATIENCE_S)
    assert not taught.job.folder.exists() and read_probes(taught.job.folder) == []
    assert "was not asked" in caplog.text and "could not be asked" in caplog.text
    assert taught.resident() == set()


def test_a_run_without_probes_asks_nothing(taught: Taught) -> None:
    object.__setattr__(taught.job.spec, "probes", ())
    prober = ProbeRunner(taught.host)
    prober.look_at(taught.job, taught.kept(5))
    prober.finish(PATIENCE_S)
    assert not (taught.job.folder / PROBES_FILE).exists()


def test_only_whole_lines_count_and_the_later_of_a_step(tmp_path: Path) -> None:
    def line(step: int, text: str) -> str:
        return json.dumps({"step": step, "answers": [text]}) + "\n"

    whole = line(10, "first") + line(0, "base") + "no JSON\n" + line(10, "second")
    (tmp_path / PROBES_FILE).write_text(whole + line(20, "torn")[:-1])
    assert read_probes(tmp_path) == [ProbeAnswers(0, ("base",)), ProbeAnswers(10, ("second",))]


def test_a_torn_line_does_not_spoil_the_next(taught: Taught) -> None:
    (taught.job.folder / PROBES_FILE).write_text('{"step": 0, "answers": ["base"]}\n{"step": 3, "ans')
    prober = ProbeRunner(taught.host)
    prober.look_at(taught.job, taught.kept(5))
    prober.finish(PATIENCE_S)
    assert [probed.step for probed in read_probes(taught.job.folder)] == [0, 5]
