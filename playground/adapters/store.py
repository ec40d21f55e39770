"""Adapters on disk, laid out by owner: `DATA/<owner>/adapters/<id>/`, each a PEFT folder with a manifest."""

import json
import logging
import math
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from playground.adapters.check import WEIGHTS, check_folder
from playground.adapters.info import ID_PATTERN, AdapterInfo, Visibility, check_name, free_name
from playground.adapters.lora_config import CONFIG
from playground.adapters.quote import quote
from playground.data_dir import LEAVING, MANIFEST, WRITING, DataDir
from playground.errors import AdapterError
from playground.files import copy_synced, disk_full_as_error, publish_folder, write_json
from playground.protocol.engine import SwapReceipt
from playground.protocol.messages import BASE

MAX_ADAPTERS_PER_OWNER = 50
_log = logging.getLogger(__name__)

AdapterInfos = list[AdapterInfo]


class AdapterStore:
    """Thread-safe. One process per data folder. `builtin` are there for everybody, and stay."""

    def __init__(self, data: DataDir, builtin: Sequence[AdapterInfo] = ()) -> None:
        self.data = data
        self.builtin = tuple(builtin)
        self._lock = threading.RLock()

    def list(self, owner: str) -> AdapterInfos:
        """The owner's adapters, then those that others made public, newest first in each; then the built-in ones."""
        with self._lock:
            return [*self._own(owner), *self._public(owner), *self.builtin]

    def get(self, owner: str, adapter: str) -> AdapterInfo:
        """By id or by name, one's own before public ones; `AdapterError` for all else, foreign or not there."""
        with self._lock:
            found = _find(self._own(owner), adapter)
            # Everybody else's are looked through only then: this is asked for every request. Of two public ones with
            # a name, the first there keeps it.
            found = found or _find(self._public(owner)[::-1], adapter) or _find(self.builtin, adapter)
        if found is None:
            raise _unknown(adapter)
        return found

    def own(self, owner: str, adapter: str) -> AdapterInfo:
        """One of the owner's own, by id or by name; `AdapterError` for all else."""
        with self._lock:
            return self._get_own(owner, adapter)

    def owned(self, owner: str) -> AdapterInfos:
        """The owner's own, newest first."""
        with self._lock:
            return self._own(owner)

    def publish(
        self,
        owner: str,
        name: str,
        folder: Path,
        *,
        base_model: str = "",
        base_fingerprint: str = "",
        visibility: Visibility = "private",
        metrics: dict[str, object] | None = None,
        source: dict[str, object] | None = None,
        receipt: SwapReceipt | None = None,
    ) -> AdapterInfo:
        """Copy a PEFT folder in, whole or not at all; a name that is taken gets a number.

        Raises `AdapterError` if the folder is no plain LoRA, the name cannot be one, or there are too many.
        """
        name = check_name(name)
        facts = check_folder(folder)
        with self._lock:
            own = self._own(owner)
            if len(own) >= MAX_ADAPTERS_PER_OWNER:
                raise AdapterError(
                    "You have {count} adapters, the most there can be. Delete one first.", count=len(own)
                )
            new_id = f"a-{secrets.token_hex(8)}"
            info = AdapterInfo(
                id=new_id,
                name=free_name(name, {other.name.lower() for other in own}),
                folder=self._home(owner) / new_id,
                base_model=base_model or facts.base_model,
                base_fingerprint=base_fingerprint or facts.base_fingerprint,
                created=datetime.now(UTC).isoformat(timespec="microseconds"),
                visibility=visibility,
                metrics=_finite(metrics or {}),
                source=_finite(source or {}),
                receipt=receipt,
            )
            self._write(info, folder)
        return info

    def rename(self, owner: str, adapter: str, name: str) -> AdapterInfo:
        """Raises `AdapterError` for a name that another of the owner's adapters has."""
        name = check_name(name)
        with self._lock:
            info = self._get_own(owner, adapter)
            if any(other.id != info.id and other.name.lower() == name.lower() for other in self._own(owner)):
                raise AdapterError("You already have an adapter called '{name}'.", name=name)
            return self._update(info, name=name)

    def share(self, owner: str, adapter: str, visibility: Visibility) -> AdapterInfo:
        with self._lock:
            return self._update(self._get_own(owner, adapter), visibility=visibility)

    def note_receipt(self, owner: str, adapter: str, receipt: SwapReceipt) -> AdapterInfo:
        """Keep the proof of the swap with the adapter."""
        with self._lock:
            return self._update(self._get_own(owner, adapter), receipt=receipt)

    def rebase(self, owner: str, adapter: str, model: str, fingerprint: str, receipt: SwapReceipt) -> AdapterInfo:
        """Take it for one of another base model from now on, on which it was tried."""
        with self._lock:
            info = self._get_own(owner, adapter)
            return self._update(info, base_model=model, base_fingerprint=fingerprint, receipt=receipt)

    def note_metrics(self, owner: str, adapter: str, metrics: dict[str, object]) -> AdapterInfo:
        """Add what was measured; a measure of the same name is replaced."""
        with self._lock:
            info = self._get_own(owner, adapter)
            return self._update(info, metrics={**info.metrics, **_finite(metrics)})

    def note_report(self, owner: str, adapter: str, report: dict[str, object]) -> AdapterInfo:
        """Keep what was measured, in place of an earlier report."""
        with self._lock:
            return self._update(self._get_own(owner, adapter), report=_finite(report))

    def delete(self, owner: str, adapter: str) -> AdapterInfo:
        """Returns what is known of what is gone, so that the engine can let go of its key."""
        with self._lock:
            info = self._get_own(owner, adapter)
            leaving = info.folder.with_name(LEAVING + info.id)
            info.folder.rename(leaving)
            shutil.rmtree(leaving)
            return info

    def move_all(self, owner: str, to: str) -> int:
        """Give all of an owner's to another one, by single renames; returns how many. A name that is taken gets a
        number, and however many there are by then, none is refused."""
        with self._lock:
            mine = self._own(owner)[::-1]
            for info in mine:
                name = free_name(info.name, {other.name.lower() for other in self._own(to)})
                if name != info.name:
                    self._update(info, name=name)
                self._home(to).mkdir(parents=True, exist_ok=True)
                info.folder.rename(self._home(to) / info.id)
        return len(mine)

    def key(self, info: AdapterInfo) -> str:
        """The name under which the engine holds this adapter: its id, which no other owner's adapter has."""
        return info.id

    def _write(self, info: AdapterInfo, folder: Path) -> None:
        tmp = info.folder.with_name(WRITING + info.id)
        try:
            with disk_full_as_error():
                tmp.mkdir(parents=True)
                for name in (CONFIG, WEIGHTS):
                    copy_synced(folder / name, tmp / name)
                check_folder(tmp)
                _write_manifest(tmp, info)
                publish_folder(tmp, info.folder)
        except BaseException:
            shutil.rmtree(tmp, ignore_errors=True)
            shutil.rmtree(info.folder, ignore_errors=True)
            raise

    def _update(self, info: AdapterInfo, **changes: object) -> AdapterInfo:
        changed = info.model_copy(update=changes)
        with disk_full_as_error():
            _write_manifest(info.folder, changed)
        return changed

    def _get_own(self, owner: str, adapter: str) -> AdapterInfo:
        found = _find(self._own(owner), adapter)
        if found is None and (builtin := _find(self.builtin, adapter)):
            raise AdapterError(
                "'{adapter}' is built in: it can be used and downloaded, but stays.", adapter=builtin.name
            )
        if found is None:
            raise _unknown(adapter)
        return found

    def _home(self, owner: str) -> Path:
        self.data.adopt(owner)
        return self.data.adapters(owner)

    def _own(self, owner: str) -> AdapterInfos:
        return sorted(_infos(self._home(owner)), key=lambda info: info.created, reverse=True)

    def _public(self, owner: str) -> AdapterInfos:
        mine = self._home(owner)
        homes = [home for home in self.data.all_adapters() if home != mine]
        found = [info for home in homes for info in _infos(home, _is_public)]
        return sorted(found, key=lambda info: info.created, reverse=True)


def _find(infos: Sequence[AdapterInfo], adapter: object) -> AdapterInfo | None:
    """By id, else by name; no name looks like an id."""
    name = str(adapter).strip().lower()
    named = (info for info in infos if info.name.lower() == name)
    return next((info for info in infos if info.id == adapter), None) or next(named, None)


def _infos(home: Path, is_listed: Callable[[Path], bool] = lambda _: True) -> Iterator[AdapterInfo]:
    for path in home.glob(f"a-*/{MANIFEST}"):
        try:
            if is_listed(path):
                yield _read_manifest(path)
        except (ValueError, OSError) as error:
            _log.warning("Not listing %s: %s", path, error)


def _write_manifest(folder: Path, info: AdapterInfo) -> None:
    write_json(folder / MANIFEST, info.model_dump(by_alias=True, exclude={"task"}))  # which none but built-in ones have


def _read_manifest(path: Path) -> AdapterInfo:
    """Raises `ValueError` if it is not a manifest, or not this folder's."""
    facts = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(facts, dict) or facts.get("id") != path.parent.name or not ID_PATTERN.fullmatch(path.parent.name):
        raise ValueError("not the manifest of this folder")
    return AdapterInfo.model_validate({**facts, "folder": path.parent})


def _is_public(manifest: Path) -> bool:
    """Everybody's manifests are looked at for every request, so what one says is kept until it is written anew."""
    stat = manifest.stat()
    return _says_public(manifest, stat.st_ino, stat.st_mtime_ns)


@lru_cache(maxsize=100_000)
def _says_public(manifest: Path, _file: int, _changed_ns: int) -> bool:
    return _read_manifest(manifest).visibility == "public"


def _finite(facts: dict[str, object]) -> dict[str, object]:
    """NaN is no JSON: what came out as none counts as not measured."""
    return {name: _without_nan(value) for name, value in facts.items()}


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return _finite(value)
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _unknown(adapter: object) -> AdapterError:
    return AdapterError(
        "There is no adapter '{adapter}'. Choose one of yours, or '{base}'.", adapter=quote(adapter, 80), base=BASE
    )
