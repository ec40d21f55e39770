"""Models that are being fetched from the hub, or unpacked: they belong to the server, not to the tab that asked."""

import json
import logging
import subprocess
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from playground.data_dir import DataDir
from playground.errors import BusyError, ModelError
from playground.models.convert_gguf import converted_folder
from playground.models.download import PATIENCE_S, PROGRESS_FILE
from playground.models.gguf_header import is_gguf
from playground.models.hub_cache import folder_name
from playground.process import LOG_FILE, start_worker, stop
from playground.sentence import Sentence

log = logging.getLogger(__name__)

MAX_AT_ONCE = 2
_POLL_S = 0.1
_SPEED_OVER_S = 5.0
_FOLDER = "model_downloads"


class DownloadState(BaseModel, frozen=True):
    """How far it is; `done_bytes` counts what was there before. `bytes_per_s` is that of the last seconds."""

    phase: Literal["downloading", "checking", "done", "stopped", "failed"] = "downloading"
    done_bytes: int = 0
    total_bytes: int = 0
    """0 until the hub was asked."""
    bytes_per_s: float = 0.0
    eta_s: float | None = None
    failed: Sentence | None = None

    @property
    def running(self) -> bool:
        return self.phase in ("downloading", "checking")


class ModelDownloads:
    """Starts, watches and stops the processes that fetch models; for any thread."""

    def __init__(self, data: DataDir, patience_s: float = PATIENCE_S) -> None:
        """A download waits `patience_s` seconds for the network to come back."""
        self._root, self._converted = data.root / _FOLDER, data.converted
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._downloads: dict[str, _Download] = {}
        self._closed = False

    def start(self, model_id: str) -> None:
        """Begin to fetch a model, or go on where it broke off, or to unpack a GGUF file; does nothing while that runs.

        Raises `ModelError` for what can be no model's id, and `BusyError`.
        """
        module, folder, arguments = self._work(model_id)
        with self._lock:
            if self._closed:
                raise BusyError("The server is closing. Get the model once it is back.")
            known = self._downloads.get(model_id)
            if known is not None and known.state.running:
                return
            if sum(download.state.running for download in self._downloads.values()) >= MAX_AT_ONCE:
                raise BusyError(
                    "{number} models are being fetched already. Wait until one is here, or stop one.",
                    number=MAX_AT_ONCE,
                )
            self._downloads[model_id] = _Download(model_id, folder, module, arguments)

    def stop(self, model_id: str) -> None:
        """End a download, and wait until its process is gone; what it fetched stays for the next one."""
        with self._lock:
            known = self._downloads.get(model_id)
        if known is not None:
            known.stop()

    def state(self, model_id: str) -> DownloadState | None:
        """How far a model is; None for one that was not asked for since the server started."""
        with self._lock:
            known = self._downloads.get(model_id)
        return known.state if known is not None else None

    def states(self) -> dict[str, DownloadState]:
        """Every model that was asked for since the server started, in that order."""
        with self._lock:
            return {model_id: download.state for model_id, download in self._downloads.items()}

    def wait(self, model_id: str) -> Path:
        """Wait until a model is here; returns its folder. Raises `ModelError` where it fails, is stopped or unknown."""
        with self._lock:
            known = self._downloads.get(model_id)
        if known is None:
            raise ModelError("The model {model} is not being fetched. Get it first.", model=model_id)
        return known.wait()

    def close(self) -> None:
        """Stop all; none can be started any more."""
        with self._lock:
            self._closed = True
            downloads = list(self._downloads.values())
        for download in downloads:
            download.stop()

    def _work(self, model: str) -> tuple[str, Path, tuple[str, ...]]:
        """The module that does it, the folder in which it tells how far it is, and its arguments."""
        if is_gguf(model):
            folder = self._root / converted_folder(Path(model), self._converted).parent.name
            return "playground.models.convert_gguf", folder, (model, str(self._converted), str(folder))
        folder = self._root / folder_name(model)
        return "playground.models.download", folder, (model, str(folder), str(self._patience_s))


class _Download:
    """One process, and the thread that starts it, watches it and outlives it: Linux ends it with that thread."""

    def __init__(self, model_id: str, folder: Path, module: str, arguments: tuple[str, ...]) -> None:
        self.state = DownloadState()
        self._model_id = model_id
        self._log = folder / LOG_FILE
        self._progress = _ProgressFile(folder / PROGRESS_FILE)
        self._module, self._arguments = module, arguments
        self._path: Path | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"download of {model_id}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def wait(self) -> Path:
        self._thread.join()
        if self._path is not None:
            return self._path
        if self.state.failed is not None:
            raise ModelError(self.state.failed)
        raise ModelError(
            "The download of {model} was stopped. Get it again to go on where it was.", model=self._model_id
        )

    def _run(self) -> None:
        try:
            self._progress.clear()
            process = start_worker(self._module, *self._arguments, log=self._log)
        except OSError as error:
            log.exception("no process to fetch %s", self._model_id)
            self._fail(Sentence("The download could not be started: {error}.", error=error))
            return
        try:
            self._watch(process)
        except Exception:
            log.exception("lost sight of the download of %s", self._model_id)
            self._fail(self._unexpected())
        finally:
            stop(process)

    def _watch(self, process: "subprocess.Popen[str]") -> None:
        while True:
            if self._stop.is_set():
                stop(process)  # at once: whatever it was doing, the next one goes on from there
            try:
                code = process.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                self._read()
                continue
            self._read()
            if self.state.running:
                self._end(code)
            return

    def _read(self) -> None:
        for line in self._progress.new_lines():
            if "error" in line:
                self._fail(Sentence.from_plain(line["error"]))
            elif "done" in line:
                self._path = Path(line["folder"])
                self._become(phase="done", bytes_per_s=0.0, eta_s=None)
            else:
                self._move(int(line["done_bytes"]), int(line["total_bytes"]))
        if self.state.running:
            self._move(self.state.done_bytes, self.state.total_bytes)

    def _move(self, done: int, total: int) -> None:
        if not total:
            return
        speed = self._progress.speed(done)
        self._become(
            phase="checking" if done >= total else "downloading",
            done_bytes=done,
            total_bytes=total,
            bytes_per_s=speed,
            eta_s=(total - done) / speed if speed > 0 else None,
        )

    def _end(self, code: int) -> None:
        """It ended without a last word."""
        if self._stop.is_set():
            self._become(phase="stopped", bytes_per_s=0.0, eta_s=None)
            return
        log.warning("the process that fetched %s ended with code %s, see %s", self._model_id, code, self._log)
        self._fail(self._unexpected())

    def _unexpected(self) -> Sentence:
        return Sentence(
            "The download of {model} ended unexpectedly. Get it again to go on where it was.", model=self._model_id
        )

    def _fail(self, sentence: Sentence) -> None:
        self._become(phase="failed", bytes_per_s=0.0, eta_s=None, failed=sentence)

    def _become(self, **changes: object) -> None:
        self.state = self.state.model_copy(update=changes)


class _ProgressFile:
    """What the process has told of itself."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = 0
        self._seen: deque[tuple[float, int]] = deque()

    def clear(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)

    def new_lines(self) -> list[dict[str, Any]]:
        """What was told since the last time; a line that is not whole yet is left for the next time."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._place)
                text = file.read()
        except FileNotFoundError:
            return []
        whole = text[: text.rfind(b"\n") + 1]
        self._place += len(whole)
        return [json.loads(line) for line in whole.splitlines()]

    def speed(self, done: int) -> float:
        """Bytes per second over the last seconds; what was there before the first look does not count."""
        now = time.monotonic()
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > _SPEED_OVER_S:
            self._seen.popleft()
        since, had = self._seen[0]
        return max(0, done - had) / (now - since) if now > since else 0.0
