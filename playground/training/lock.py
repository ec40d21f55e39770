"""One app at a time on a data folder: a second one would take the first one's runs for left over."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from playground.errors import SettingsError

LOCK_FILE = "app.lock"


@contextmanager
def alone_in(data_dir: Path) -> Iterator[None]:
    """Hold the folder; the system lets go of it when the process ends, however that happens.

    Raises `SettingsError` while another process holds it.
    """
    lock = FileLock(data_dir / LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise SettingsError(
            "Another playground is using {folder} already. Close it, or set PLAYGROUND_DATA_DIR to another folder.",
            folder=data_dir,
        ) from None
    try:
        yield
    finally:
        lock.release()
