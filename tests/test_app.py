"""Defends how the app starts and ends: it says where it is, goes cleanly on SIGTERM even while it trains, and with one
sentence on a taken port."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from tests.support.running_app import ROOT, running_app


def test_sigterm_while_training_leaves_no_process_and_a_run_to_resume(tmp_path: Path) -> None:
    rows = "".join(f"What is {n}?,It is the number {n} and nothing else.\n" for n in range(40))
    file = tmp_path / "rows.csv"
    file.write_text("question,answer\n" + rows)
    with running_app(tmp_path) as app:
        client = Client(app.url, verbose=False)
        job = client.submit(handle_file(str(file)), "Numbers", max_steps=500, api_name="/train")
        for state in job:
            if state["step"] >= 2:
                break
        family = [psutil.Process(app.process.pid), *psutil.Process(app.process.pid).children(recursive=True)]
        assert len(family) > 1, "the worker is a process of its own"
        app.process.send_signal(signal.SIGTERM)
        assert app.process.wait(60) == 0
        assert app.url in app.log.read_text(), "whoever started it is told where the page is"
        _, alive = psutil.wait_procs(family, timeout=20)
        assert alive == [], [process.cmdline() for process in alive]
    with running_app(tmp_path) as app:
        (left,) = Client(app.url, verbose=False).predict(api_name="/jobs")
        assert left["state"] == "interrupted"
        assert left["can_resume"]


SPOILED = """
import sys
from pathlib import Path
import torch
from playground.engine.model_runner import ModelRunner
import app

execute = ModelRunner.execute

def fail_once_told(self, scheduled):
    if Path(sys.argv[1]).exists():
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
    return execute(self, scheduled)

ModelRunner.execute = fail_once_told
sys.exit(app.main([]))
"""


def test_a_gpu_that_fails_ends_the_app_with_a_sentence_and_the_next_start_goes_on(tmp_path: Path) -> None:
    """CUDA does nothing more in a process after such an error: only a new one can answer."""
    broken = tmp_path / "broken"
    with running_app(tmp_path, command=["-c", SPOILED, str(broken)]) as app:
        client = Client(app.url, verbose=False)
        assert client.predict("Hello", max_new_tokens=4, api_name="/generate")
        broken.touch()
        with pytest.raises(AppError, match="GPU failed"):
            client.predict("Hello", api_name="/generate")
        assert app.process.wait(60) == 2
        assert app.log.read_text().rstrip().endswith("Start the playground again.")
    with running_app(tmp_path) as app:
        assert Client(app.url, verbose=False).predict("Hello", max_new_tokens=4, api_name="/generate")


def refused_start(**settings: str) -> str:
    """What `python app.py` says before it ends with code 2."""
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 2, done.stderr
    return done.stderr


def test_a_wrong_setting_is_one_sentence_alone(tmp_path: Path) -> None:
    """Also where the libraries that load a model have something to say when they are imported."""
    nothing = str(tmp_path / "nothing-here")
    (sentence,) = refused_start(PLAYGROUND_DATA_DIR=str(tmp_path), PLAYGROUND_MODEL=nothing).splitlines()
    assert sentence.startswith("There is no model")


def test_a_taken_port_is_one_sentence_and_code_2(tmp_path: Path) -> None:
    """It is told before the model is looked for, which may be a long download."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        said = refused_start(PLAYGROUND_DATA_DIR=str(tmp_path), PLAYGROUND_MODEL="/nowhere", GRADIO_SERVER_PORT=port)
    (sentence,) = said.splitlines()
    assert port in sentence
