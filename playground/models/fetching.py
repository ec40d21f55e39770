"""Fetch one file of the hub, going on where it broke off.

The client itself cannot: it begins each file anew under a random name and removes what it has when it fails.
"""

import errno
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

from playground.errors import ModelError
from playground.models.hub_errors import TIMEOUT_S

log = logging.getLogger(__name__)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 8.0
_PASSING = (408, 429, 500, 502, 503, 504)
"""Answers of a server that may be well again in a moment."""


def fetch(url: str, path: Path, size: int, on_size: Callable[[int], None], patience_s: float) -> None:
    """Fetch until `path` has `size` bytes; what is there already is not fetched again, and `on_size` is told all.

    Raises `ModelError` once no byte came for `patience_s` seconds; what the hub refuses is raised as its client does.
    """
    if size_of(path) > size:
        path.unlink()
    moved, pause = time.monotonic(), _FIRST_PAUSE_S
    while (before := size_of(path)) < size or not path.exists():
        lost: Exception | None = None
        try:
            _stream(url, path, size, on_size)
        except (httpx2.TransportError, HfHubHTTPError) as error:
            if isinstance(error, HfHubHTTPError) and error.response.status_code not in _PASSING:
                raise
            lost = error
            log.info("%s broke off at %s bytes: %s: %s", url, size_of(path), type(error).__name__, error)
        if size_of(path) > before:
            moved, pause = time.monotonic(), _FIRST_PAUSE_S
        elif time.monotonic() - moved >= patience_s:
            raise _network_lost() from lost
        if size_of(path) < size:
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)


def size_of(path: Path) -> int:
    """How many bytes of a file are there; 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _stream(url: str, path: Path, size: int, on_size: Callable[[int], None]) -> None:
    have = size_of(path)
    headers = build_hf_headers() | {"Accept-Encoding": "identity"}  # of a packed answer no part can be asked for
    if have:
        headers["Range"] = f"bytes={have}-"
    with get_session().stream("GET", url, headers=headers, timeout=TIMEOUT_S) as response:
        hf_raise_for_status(response)
        if response.status_code != httpx2.codes.PARTIAL_CONTENT:  # from its beginning, whatever was asked for
            have = 0
        with path.open("ab" if have else "wb", buffering=0) as out:
            for chunk in response.iter_bytes():
                part = chunk[: size - have]
                if out.write(part) < len(part):  # a disk that is nearly full takes a part, and says nothing
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                have += len(part)
                on_size(have)


def _network_lost() -> ModelError:
    return ModelError(
        "The network was lost while the model was fetched. What is there stays; get it again to go on once the "
        "network is back."
    )
