"""Changing the model: fetching it, if need be, and loading it under load. It belongs to the server, not to a tab."""

import asyncio
import json
import logging
import math
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Literal, get_args

from pydantic import BaseModel

from playground.data_dir import DataDir
from playground.errors import BusyError, ModelError, PlaygroundError
from playground.files import write_json
from playground.models.gguf_header import is_gguf
from playground.protocol.model import ModelHost, Quantization
from playground.sentence import N_, Sentence
from playground.service.model_downloads import DownloadState, ModelDownloads

log = logging.getLogger(__name__)

FOLLOW_S = 0.2
_STOPPED = N_("Stopped. What is here already stays: get it again to go on.")
_LINES = {
    "downloading": N_("Getting {model}: {percent} %"),
    "draining": N_("{model} comes as soon as the answers that run are written."),
    "loading": N_("Loading {model}…"),
    "ready": N_("{model} answers now."),
    "failed": N_("{model} could not be loaded."),
}
Phase = Literal["downloading", "draining", "loading", "ready", "failed"]


class ModelChange(BaseModel, frozen=True):
    """Where a change of the model stands; the last has phase `ready` or `failed`."""

    model: str
    name: str
    phase: Phase
    share: float = 0.0
    """Of the download."""
    done_bytes: int = 0
    total_bytes: int = 0
    eta_s: float | None = None
    failed: Sentence | None = None

    @property
    def ended(self) -> bool:
        return self.phase in ("ready", "failed")

    @property
    def line(self) -> Sentence:
        """Where it stands, for people."""
        if self.failed:
            return self.failed
        return Sentence(_LINES[self.phase], model=self.name, percent=round(100 * self.share))

    @classmethod
    def of_download(cls, model: str, state: DownloadState) -> "ModelChange":
        """A model that is only fetched; it is `ready` once it is here."""
        phases: dict[str, Phase] = {"done": "ready", "failed": "failed", "stopped": "failed"}
        return cls(
            model=model,
            name=model,
            phase=phases.get(state.phase, "downloading"),
            share=min(1.0, state.done_bytes / state.total_bytes) if state.total_bytes else 0.0,
            done_bytes=state.done_bytes,
            total_bytes=state.total_bytes,
            eta_s=state.eta_s,
            failed=Sentence(_STOPPED) if state.phase == "stopped" else state.failed,
        )


def note_chosen(data: DataDir) -> Callable[[str, Quantization], None]:
    """Keep which model was chosen, so that the next start begins with it."""

    def note(model: str, quantization: Quantization) -> None:
        write_json(data.chosen_model, {"model": model, "quantization": quantization})

    return note


def read_chosen(data: DataDir) -> tuple[str, Quantization] | None:
    """The model that was chosen last, and how it was quantized; None where none was."""
    try:
        found = json.loads(data.chosen_model.read_text(encoding="utf-8"))
        model, quantization = str(found["model"]), found["quantization"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        log.warning("%s is damaged, and is not heeded", data.chosen_model)
        return None
    return (model, quantization) if quantization in get_args(Quantization) else None


class ModelChanger:
    """One change at a time. `busy_owners` tells whose runs train or wait, `is_here` whether a model's files are on this
    machine, and `on_changed` is told the id of a model that is loaded from now on."""

    def __init__(
        self,
        host: ModelHost,
        downloads: ModelDownloads,
        busy_owners: Callable[[], set[str]],
        is_here: Callable[[str], bool],
        on_changed: Callable[[str, Quantization], None],
    ) -> None:
        self._host, self._downloads = host, downloads
        self._busy_owners, self._is_here, self._on_changed = busy_owners, is_here, on_changed
        self._lock = threading.Lock()
        self._change: ModelChange | None = None
        self._fetching = False
        self._thread: threading.Thread | None = None
        self._owner = ""
        self._ended = -math.inf

    def start(
        self,
        owner: str,
        model: str,
        name: str,
        quantization: Quantization = "auto",
        while_training: bool = False,
        pause_s: float = 0.0,
    ) -> None:
        """Begin; whoever asks for the model that is coming already just follows.

        Raises `BusyError` while another one is coming, for `pause_s` seconds after one has come, and while a run trains
        or waits, unless all runs are the owner's and they say so.
        """
        with self._lock:
            now = self.state()
            if now and not now.ended:
                if now.model == model:
                    return
                raise BusyError("The model is being changed to {model} already. Try again in a minute.", model=now.name)
            left = self._ended + pause_s - time.monotonic()
            if left > 0:
                raise BusyError(
                    "The model was changed a short while ago. Try again in {count} minutes.", count=math.ceil(left / 60)
                )
            self._check_runs(owner, while_training)
            self._owner, self._fetching = owner, not self._is_here(model)
            begins: Phase = "loading" if is_gguf(model) else "downloading"
            self._change = ModelChange(model=model, name=name, phase=begins)
            self._thread = threading.Thread(target=self._run, args=(model, name, quantization), daemon=True)
            self._thread.start()

    def is_of(self, owner: str, model: str) -> bool:
        """Whether this owner began the change to this model that goes on."""
        change = self._change
        return change is not None and not change.ended and (self._owner, change.model) == (owner, model)

    def state(self) -> ModelChange | None:
        """The change that goes on, else the last one; None where there was none."""
        change = self._change
        if change is None or change.ended:
            return change
        download = self._downloads.state(change.model) if self._fetching else None
        if download is not None:
            fetched = ModelChange.of_download(change.model, download)
            phase = "loading" if is_gguf(change.model) else "downloading"
            return fetched.model_copy(update={"name": change.name, "phase": phase, "failed": None})
        if self._fetching:
            return change
        draining = self._host.state().phase == "draining"
        return change.model_copy(update={"phase": "draining" if draining else "loading"})

    async def follow(self) -> AsyncIterator[ModelChange]:
        """Where it stands, now and whenever that changes, until it has ended."""
        seen: ModelChange | None = None
        while True:
            now = self.state()
            if now is None:
                return
            if now != seen:
                seen = now
                yield now
            if now.ended:
                return
            await asyncio.sleep(FOLLOW_S)

    def close(self) -> None:
        """Wait for a change that is loading; one that still downloads ends with the downloads."""
        if self._thread:
            self._thread.join()

    def _check_runs(self, owner: str, while_training: bool) -> None:
        busy = self._busy_owners()
        if busy - {owner}:
            raise BusyError("Somebody's training goes on with this model. Try again when it has ended.")
        if busy and not while_training:
            raise BusyError(
                "A training of yours goes on with this model. Wait for its end, or say that the model is to change all "
                "the same: then what it learns is not measured until this model is back."
            )

    def _run(self, model: str, name: str, quantization: Quantization) -> None:
        ended, loaded = ModelChange(model=model, name=name, phase="ready"), model
        try:
            if self._fetching:
                self._downloads.start(model)
                folder = self._downloads.wait(model)
                loaded = str(folder) if is_gguf(model) else model
                self._fetching = False
            self._host.load(loaded, quantization)
            self._ended = time.monotonic()
            self._on_changed(loaded, quantization)
        except PlaygroundError as error:
            ended = ended.model_copy(update={"phase": "failed", "failed": error.sentence})
        except Exception:
            log.exception("changing the model to %s failed", model)
            broken = ModelError("{model} cannot be loaded; the server's log says why.", model=name)
            ended = ended.model_copy(update={"phase": "failed", "failed": broken.sentence})
        finally:
            self._fetching = False
            self._change = ended
