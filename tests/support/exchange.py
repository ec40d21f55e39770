"""A page's services around a live tiny model, without the page: what import and export go through."""

import asyncio
import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playground.adapters.info import AdapterInfo
from playground.adapters.store import AdapterStore
from playground.data_dir import DataDir
from playground.engine.host import LocalModelHost
from playground.models.loader import LoadedModel
from playground.service.services import Services, build_services
from playground.settings import Mode, Settings
from tests.support.tiny_model import TINY


@contextmanager
def running_services(loaded: LoadedModel, data_dir: Path, mode: Mode = "public") -> Iterator[Services]:
    """As a start of the app makes them, from what the data folder holds."""
    data = DataDir(data_dir)
    data.move_old_layout()
    data.sweep()
    host = LocalModelHost(loaded)
    services = build_services(make_settings(data_dir, mode), host, data)
    try:
        yield services
    finally:
        services.close()
        host.close()


def make_settings(data_dir: Path, mode: Mode = "public") -> Settings:
    return Settings(str(TINY), "auto", data_dir, mode, "127.0.0.1", None)


def host_of(services: Services) -> LocalModelHost:
    """What no client is given."""
    host = services.models._host
    assert isinstance(host, LocalModelHost)
    return host


def store_of(services: Services) -> AdapterStore:
    return services.adapters._store


def data_of(services: Services) -> DataDir:
    return services.adapters._data


def as_kept_earlier(data: DataDir, owner: str) -> Path:
    """Put an owner's adapters where earlier versions kept them: under a hash of the owner. Returns that folder."""
    old = data.root / hashlib.sha256(owner.encode()).hexdigest()[:32] / "adapters"
    old.parent.mkdir()
    data.adapters(owner).rename(old)
    data.owner(owner).rmdir()
    return old


def zip_of(folder: Path, to: Path, top: str = "", **extra: bytes) -> Path:
    """As people zip a folder: with all that is in it."""
    parts = {top + path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**parts, **extra}.items():
            archive.writestr(name, content)
    return to


def imported(services: Services, owner: str, name: str, archive: Path) -> AdapterInfo:
    return asyncio.run(services.adapters.import_adapter(owner, name, archive))
