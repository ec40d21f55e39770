"""Starts the real app, as a person would, and stops it again."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.tiny_model import TINY

ROOT = Path(__file__).parents[2]
START_LIMIT_S = 180.0


@dataclass
class RunningApp:
    url: str
    process: subprocess.Popen[bytes]
    data_dir: Path
    log: Path
    ready_s: float
    """From the start of the process to the first answered request for the page."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running_app(data_dir: Path, command: Sequence[str] = ("app.py",), **environment: str) -> Iterator[RunningApp]:
    """`python app.py` with the tests' tiny model on a free port; SIGTERM at the end, and it must end by itself."""
    port = free_port()
    log = data_dir / "app.log"
    settings = {
        "PLAYGROUND_MODEL": str(TINY),
        "PLAYGROUND_DATA_DIR": str(data_dir),
        "GRADIO_SERVER_PORT": str(port),
        "HF_HUB_OFFLINE": "1",  # no test asks the real hub
        **environment,
    }
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env={**os.environ, **settings}, stdout=output, stderr=output
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for_page(url, process, log)
        yield RunningApp(url, process, data_dir, log, time.monotonic() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def wait_for_page(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"The app ended with {process.returncode}:\n{log.read_text()[-3000:]}")
        try:
            with urllib.request.urlopen(url, timeout=2) as page:
                if page.status == 200:
                    return
        except urllib.error.HTTPError as answer:
            if answer.code == 401:  # it asks for its password
                return
            time.sleep(0.1)
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)  # between two looks; the condition is the answered request
    raise TimeoutError(f"The app did not answer within {START_LIMIT_S} s:\n{log.read_text()[-3000:]}")
