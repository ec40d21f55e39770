"""One app at a time on a data folder: a second one would take the first one's runs for left over."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playground.errors import SettingsError

LOCK_FILE = "app.lock"


@contextmanager
def alone_in(data_dir: Path) -> Iterator[None]:
    """Hold the folder; the system lets go of it when the process ends, however that happens.

    Raises `SettingsError` while another process holds it.
    """
    with (data_dir / LOCK_FILE).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(
                "Another playground is using {folder} already. Close it, or set PLAYGROUND_DATA_DIR to another folder.",
                folder=data_dir,
            ) from None
        yield
