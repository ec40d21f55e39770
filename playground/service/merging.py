"""Whole models for people to take away, put together one at a time in a process of their own."""

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncGenerator
from pathlib import Path

from playground.adapters.merge.files import log_file, refusal_file, written_bytes
from playground.errors import AdapterError, BusyError
from playground.models.weights import find_weights
from playground.process import start_worker, stop
from playground.sentence import Sentence

MAX_MERGE_S = 1800.0
_LOOK_S = 0.25

log = logging.getLogger(__name__)


class WholeModels:
    """One at a time for the whole server: others are told to come back."""

    def __init__(self) -> None:
        self._busy = False

    async def make(self, model: Path, adapter: Path, out: Path) -> AsyncGenerator[float, None]:
        """Write `out`, a zip; yields the share that is done until it is there.

        Raises `BusyError`, or `AdapterError` with the reason. Closing the iterator ends the process; whatever happens,
        the caller removes the folder of `out`.
        """
        if self._busy:
            raise BusyError("Another whole model is being put together. Try again in some minutes.")
        self._busy = True
        try:
            size = sum(stored.size for stored in find_weights(model))
            process = start_worker("playground.adapters.merge", str(model), str(adapter), str(out), log=log_file(out))
            try:
                end = asyncio.get_running_loop().time() + MAX_MERGE_S
                while process.poll() is None and asyncio.get_running_loop().time() < end:
                    yield written_bytes(out) / max(1, size)
                    await asyncio.sleep(_LOOK_S)
            finally:
                stop(process)
            _check_ending(process.returncode, out)
        finally:
            self._busy = False


def _check_ending(code: int, out: Path) -> None:
    refusal = refusal_file(out)
    if code == 0 and out.is_file():
        return
    if code == 2 and refusal.is_file():
        raise AdapterError(Sentence.from_plain(json.loads(refusal.read_text(encoding="utf-8"))))
    log_id = secrets.token_hex(4)
    log.error("no whole model was made (code %s), id %s: %s", code, log_id, log_file(out).read_text()[-3000:])
    raise AdapterError(
        "The whole model could not be put together; the details are in the server's log under {id}. Download the "
        "adapter alone.",
        id=log_id,
    )
