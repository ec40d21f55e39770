"""A stand-in for the Hugging Face hub that serves one small model, well or badly, to the real client."""

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import huggingface_hub.constants
import pytest

from tests.support.tiny_model import TINY

MODEL = "people/tiny"
TOKEN = "hf_of_a_test"  # noqa: S105
_PIECE = 2**14
_LFS = (".safetensors", "tokenizer.json")
_GATED = {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to this model is restricted."}


def tiny_files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(TINY.iterdir())}


@dataclass
class Hub:
    """`files` are served as the model's; the rest are switches, to be changed at any time."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=tiny_files)
    info: dict[str, Any] = field(default_factory=dict)
    """In the place of what is told of the model."""
    datasets: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By id, or by id@revision: {"files": ..., "card": ...}."""
    tokens: set[str] = field(default_factory=set)
    """What was sent as Authorization."""
    gated: bool = False
    broken_code: int = 0
    """Answer everything with this."""
    silent: bool = False
    """Answer nothing until `release` is set."""
    hold_after: int = 0
    """Of each file, send so many bytes, and the rest only once `release` is set."""
    slow_s: float = 0.0
    """Wait so long before each piece of 16 KiB."""
    break_after: int = 0
    """End each connection after so many bytes of a file."""
    wrong: str = ""
    """The file whose content is not what was promised."""
    no_ranges: bool = False
    release: threading.Event = field(default_factory=threading.Event)
    sent: Counter[str] = field(default_factory=Counter)
    """Bytes of each file that were sent so far."""
    requests: list[str] = field(default_factory=list)

    def count_anew(self) -> None:
        """Count bytes in `sent` anew; those of connections that are open already are not counted."""
        self.sent = Counter()

    @property
    def commit(self) -> str:
        return hashlib.sha1(b"".join(self.files.values()), usedforsecurity=False).hexdigest()

    def etag(self, name: str) -> str:
        content = self.files[name]
        if name.endswith(_LFS):
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()

    def describe(self) -> dict[str, Any]:
        weights = self.files.get("model.safetensors", b"")
        return {
            "id": MODEL,
            "sha": self.commit,
            "gated": "auto" if self.gated else False,
            "disabled": False,
            "private": False,
            "pipeline_tag": "text-generation",
            "cardData": {"license": "other", "license_name": "mixed", "language": ["en", "de", "zh", "code"]},
            "safetensors": {"parameters": {"BF16": len(weights) // 2}, "total": len(weights) // 2} if weights else None,
            "siblings": [self._sibling(name) for name in self.files],
        } | self.info

    def tree(self) -> list[dict[str, Any]]:
        """As whoever takes a whole repository asks for its files."""
        told = []
        for name, content in self.files.items():
            lfs = {"lfs": {"oid": self.etag(name), "size": len(content), "pointerSize": 130}}
            oid = "0" * 40 if name.endswith(_LFS) else self.etag(name)
            told.append(
                {"type": "file", "path": name, "size": len(content), "oid": oid} | (lfs if name.endswith(_LFS) else {})
            )
        return told

    def _sibling(self, name: str) -> dict[str, Any]:
        told: dict[str, Any] = {"rfilename": name, "size": len(self.files[name]), "blobId": "0" * 40}
        if not name.endswith(_LFS):
            return told | {"blobId": self.etag(name)}
        return told | {"lfs": {"sha256": self.etag(name), "size": len(self.files[name]), "pointerSize": 130}}


@contextmanager
def running_hub() -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OfThisHub", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        hub.release.set()
        server.shutdown()
        server.server_close()


def use_hub(hub: Hub, home: Path, patch: pytest.MonkeyPatch) -> Path:
    """Point the client here and in children to the stand-in, with a cache of its own; returns the cache."""
    cache = home / "hub"
    cache.mkdir(parents=True)
    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE"):
        patch.delenv(name, raising=False)
    patch.setenv("HF_ENDPOINT", hub.url)
    patch.setenv("HF_HOME", str(home))
    patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    patch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    patch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(home / "token"))
    return cache


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, with_body: bool) -> None:
        hub, asked = self.hub, urlsplit(self.path)
        hub.requests.append(f"{self.command} {asked.path}")
        parts = unquote(asked.path).strip("/").split("/")
        hub.tokens.add(self.headers.get("Authorization") or "")
        if hub.silent:
            hub.release.wait()
        elif hub.broken_code:
            self._send(hub.broken_code, b"{}")
        elif "datasets" in parts[:2]:
            self._dataset(parts[1:] if parts[0] == "api" else parts, with_body)
        elif parts == ["api", "models"]:
            self._search(parse_qs(asked.query))
        elif parts[:2] == ["api", "models"] and "/".join(parts[2:4]) == MODEL:
            self._json(hub.tree() if parts[4:5] == ["tree"] else hub.describe())
        elif "/".join(parts[:2]) == MODEL and parts[2] == "resolve" and parts[3] in ("main", hub.commit):
            self._file("/".join(parts[4:]), with_body)
        else:
            self._missing()

    def _dataset(self, parts: list[str], with_body: bool) -> None:
        """datasets/OWNER/NAME, of a revision, or one of its files."""
        name, rest = "/".join(parts[1:3]), parts[3:]
        revision = "/".join(rest[1:]) if rest[:1] == ["revision"] else ""
        held = self.hub.datasets.get(f"{name}@{revision}" if revision else name)
        if rest[:1] == ["resolve"]:
            found = [one for key, one in self.hub.datasets.items() if key.split("@")[0] == name]
            content = next((one["files"][file] for one in found if (file := "/".join(rest[2:])) in one["files"]), None)
            if content is None:
                self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            else:
                self._part(rest[-1], content, with_body)
        elif held is None:
            missing = name if not any(key.split("@")[0] == name for key in self.hub.datasets) else revision
            code = "RevisionNotFound" if missing == revision else "RepoNotFound"
            self._send(404, b"{}", {"X-Error-Code": code, "X-Error-Message": "not found"})
        else:
            siblings = [{"rfilename": file, "size": len(raw)} for file, raw in held["files"].items()]
            told = {"id": name, "sha": "c" * 40, "gated": held.get("gated", False), "private": False}
            self._json(told | {"cardData": held.get("card", {}), "siblings": siblings})

    def _part(self, name: str, content: bytes, with_body: bool) -> None:
        start, end = 0, len(content) - 1
        told: dict[str, str] = {}
        if (wanted := self.headers.get("Range")) and not self.hub.no_ranges:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last or end), end)
            told["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        self._head(206 if told else 200, end + 1 - start, told)
        if with_body:
            self._pour(name, content[: end + 1], start)

    def _search(self, query: dict[str, list[str]]) -> None:
        found = self.hub.describe()
        keys = {"id", *query["expand"]}
        told = {key: value for key, value in found.items() if key in keys}
        self._json([told] if query["search"][0].lower() in MODEL else [])

    def _missing(self) -> None:
        self._send(404, b"{}", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})

    def _file(self, name: str, with_body: bool) -> None:
        hub = self.hub
        if hub.gated and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._send(403 if self.headers.get("Authorization") else 401, b"", _GATED)
            return
        if name not in hub.files:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": hub.commit})
            return
        content, etag = hub.files[name], f'"{hub.etag(name)}"'
        if name == hub.wrong:
            content = content[:-1] + bytes([content[-1] ^ 1])
        told = {"ETag": etag, "X-Linked-Etag": etag, "X-Linked-Size": str(len(content)), "X-Repo-Commit": hub.commit}
        start = 0
        if (wanted := self.headers.get("Range")) and not hub.no_ranges:
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            told["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._head(206 if "Content-Range" in told else 200, len(content) - start, told)
        if with_body:
            self._pour(name, content, start)

    def _pour(self, name: str, content: bytes, start: int) -> None:
        hub, sent = self.hub, self.hub.sent
        for place in range(start, len(content), _PIECE):
            if hub.break_after and place - start >= hub.break_after:
                return
            if hub.hold_after and place >= hub.hold_after and not hub.release.wait(60):
                return
            time.sleep(hub.slow_s)
            piece = content[place : place + _PIECE]
            try:
                self.wfile.write(piece)
            except OSError:  # the client is gone
                return
            sent[name] += len(piece)

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, code: int, body: bytes, told: dict[str, str] | None = None) -> None:
        self._head(code, len(body), told or {})
        if self.command == "GET":
            self.wfile.write(body)

    def _head(self, code: int, length: int, told: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in (told | {"Content-Length": str(length)}).items():
            self.send_header(name, value)
        self.end_headers()
