"""What may be stored here, asked at each upload: it depends on the model that is loaded and on what is left."""

import shutil

from playground.adapters.archive import OVERHEAD_BYTES
from playground.data.table import MAX_FILE_BYTES
from playground.data_dir import DataDir
from playground.errors import InputError
from playground.files import KEPT_FREE_BYTES
from playground.protocol.model import ModelHost
from playground.settings import Mode

MIN_FREE_BYTES = 64 * 2**20
"""Of one's own disk; on a shared server `KEPT_FREE_BYTES` are left."""


class Quota:
    """Bounds in bytes."""

    def __init__(self, host: ModelHost, data: DataDir, mode: Mode) -> None:
        self._host = host
        self._data = data
        self._mode = mode

    def max_zip_bytes(self) -> int:
        """What a zip with an adapter of the loaded model may have."""
        return self._host.info.max_adapter_bytes + OVERHEAD_BYTES

    def max_dataset_bytes(self) -> int:
        """What any other file may have."""
        return MAX_FILE_BYTES

    def max_bytes_a_day(self) -> int | None:
        """What one visitor may send; None where there is only one.

        It holds off accidents, since keys are free; the bound of all together holds off malice.
        """
        if self._mode != "public":
            return None
        return 4 * self.max_zip_bytes() + 20 * self.max_dataset_bytes()

    def free_bytes(self) -> int:
        """What is left on the disk."""
        return shutil.disk_usage(self._data.root).free

    def check_disk(self, size: int = 0) -> None:
        """Raise `InputError` where so many bytes more would leave too little of the disk for others."""
        kept = KEPT_FREE_BYTES if self._mode == "public" else MIN_FREE_BYTES
        if self.free_bytes() < size + kept:
            raise InputError("The server has no room for more files now. Try again in some hours.")
